"""How Safelight hears of uploads beside HTTP: queues of brokers, and a folder that is watched.

A queue is one module, and a row in the table of ``queues``. All of them are asked for messages,
and told what became of each; what is done with a message, ``consumer`` knows.
"""
