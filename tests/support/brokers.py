"""Real brokers on this machine, for tests: each on free ports of loopback, ended by its process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.stores.servers import TOOLS, free_port, tool

_START_SECONDS = 60
_KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Broker:
    """A broker that can be stopped and started again, with what it had kept on disk.

    ``left`` counts the messages that nobody has acknowledged, ``dead`` gives those given up.
    """

    environment: Mapping[str, str] = {}

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        raise NotImplementedError

    def answers(self) -> None:
        """Raise OSError, or what the client raises, until the broker can be used."""
        socket.create_connection(("127.0.0.1", self.port), 5).close()

    def start(self) -> None:
        command, environment = self.command()
        with (self.folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self.answers()
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(f"{command[0]} does not answer:\n{log[-3000:]}") from error
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """Stop it for good."""
        self.stop()

    def url(self, name: str) -> str:
        raise NotImplementedError

    def make(self, name: str) -> None:
        raise NotImplementedError

    def send(self, name: str, bodies: Sequence[bytes]) -> None:
        raise NotImplementedError

    def left(self, name: str) -> int:
        raise NotImplementedError

    def dead(self, name: str) -> list[bytes]:
        raise NotImplementedError


class Nats(Broker):
    """A server of NATS with JetStream; a terminated message is told by an advisory."""

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        store = str(self.folder / "jetstream")
        port = str(self.port)
        return [tool("nats-server"), "-a", "127.0.0.1", "-p", port, "-js", "-sd", store], {}

    def answers(self) -> None:
        super().answers()
        self._with(lambda stream: stream.account_info())

    def url(self, name: str) -> str:
        return f"nats://127.0.0.1:{self.port}/{name}"

    def make(self, name: str) -> None:
        advisory = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{name}.>"

        async def streams(stream: Any) -> None:
            await stream.add_stream(name=name, subjects=[name])
            await stream.add_stream(name=f"{name}-dead", subjects=[advisory])

        self._with(streams)

    def send(self, name: str, bodies: Sequence[bytes]) -> None:
        async def publish(stream: Any) -> None:
            for body in bodies:
                await stream.publish(name, body)

        self._with(publish)

    def left(self, name: str) -> int:
        async def counted(stream: Any) -> int:
            info = await stream.consumer_info(name, "safelight")
            return int(info.num_pending + info.num_ack_pending)

        return int(self._with(counted))

    def dead(self, name: str) -> list[bytes]:
        async def read(stream: Any) -> list[bytes]:
            info = await stream.stream_info(f"{name}-dead")
            found = []
            for number in range(1, info.state.messages + 1):
                advisory = json.loads((await stream.get_msg(f"{name}-dead", number)).data)
                assert advisory["reason"], advisory
                found.append((await stream.get_msg(name, advisory["stream_seq"])).data)
            return found

        return list(self._with(read))

    def _with(self, work: Callable[[Any], Any]) -> Any:
        import nats

        async def run() -> Any:
            client = await nats.connect(
                f"nats://127.0.0.1:{self.port}", allow_reconnect=False, connect_timeout=5
            )
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(run())


class Redis(Broker):
    """A server of Redis that writes everything to disk before it answers."""

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        name = shutil.which("redis-server") or shutil.which("valkey-server")
        if name is None:
            raise FileNotFoundError("there is no redis-server: run tests/full/setup.sh")
        options = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        return [
            name, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
            *options,
        ], {}  # fmt: skip

    def answers(self) -> None:
        with self._client() as client:
            client.ping()

    def url(self, name: str) -> str:
        return f"redis://127.0.0.1:{self.port}/{name}"

    def make(self, name: str) -> None:
        """A stream is there when something was sent."""

    def send(self, name: str, bodies: Sequence[bytes]) -> None:
        with self._client() as client:
            for body in bodies:
                client.xadd(name, {"payload": body})

    def left(self, name: str) -> int:
        with self._client() as client:
            (group,) = client.xinfo_groups(name)
            return int(group["lag"]) + int(group["pending"])

    def dead(self, name: str) -> list[bytes]:
        with self._client() as client:
            letters = [fields for _, fields in client.xrange(f"{name}:dead")]
        assert all(fields[b"reason"] for fields in letters)
        return [fields[b"payload"] for fields in letters]

    def _client(self) -> Any:
        import redis

        return redis.Redis(port=self.port)


class Rabbit(Broker):
    """A server of RabbitMQ, with an epmd of its own: the system's would stay behind."""

    _names: subprocess.Popen[bytes] | None = None
    _names_port = 0

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        found = str(program) if program.exists() else shutil.which("rabbitmq-server")
        if found is None:
            raise FileNotFoundError("there is no rabbitmq-server: run tests/full/setup.sh")
        (self.folder / "plugins").write_text("[].\n")
        here = str(self.folder)
        return [found], {
            **self._erlang(),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": f"{here}/mnesia",
            "RABBITMQ_LOG_BASE": f"{here}/logs",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq",
            "RABBITMQ_PID_FILE": f"{here}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }

    def start(self) -> None:
        if self._names is None:
            epmd = shutil.which("epmd")
            if epmd is None:
                raise FileNotFoundError("there is no epmd: run tests/full/setup.sh")
            self._names_port = free_port()
            command = [epmd, "-port", str(self._names_port), "-address", "127.0.0.1"]
            self._names = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        super().start()

    def end(self) -> None:
        """Stop it, then the epmd."""
        super().end()
        if self._names is not None:
            self._names.terminate()
            self._names.wait()

    def _erlang(self) -> dict[str, str]:
        # Its cookie is written into the home.
        return {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def answers(self) -> None:
        async def nothing(_: Any) -> None:
            pass

        super().answers()
        self._with(nothing)

    def url(self, name: str) -> str:
        return f"amqp://127.0.0.1:{self.port}/{name}"

    def make(self, name: str) -> None:
        async def declare(channel: Any) -> None:
            await channel.declare_queue(f"{name}-dead", durable=True)
            arguments = {
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": f"{name}-dead",
            }
            await channel.declare_queue(name, durable=True, arguments=arguments)

        self._with(declare)

    def send(self, name: str, bodies: Sequence[bytes]) -> None:
        import aio_pika

        async def publish(channel: Any) -> None:
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, name)

        self._with(publish)

    def left(self, name: str) -> int:
        """Those that are being worked on are not counted by a declaration: they are asked for."""

        async def counted(channel: Any) -> int:
            declared = await channel.declare_queue(name, passive=True)
            return int(declared.declaration_result.message_count)

        return int(self._with(counted))

    def dead(self, name: str) -> list[bytes]:
        async def read(channel: Any) -> list[bytes]:
            queue = await channel.get_queue(f"{name}-dead", ensure=False)
            found = []
            while message := await queue.get(fail=False):
                found.append(message.body)
            return found

        return list(self._with(read))

    def _with(self, work: Callable[[Any], Any]) -> Any:
        import aio_pika

        async def run() -> Any:
            connection = await aio_pika.connect(port=self.port, host="127.0.0.1", timeout=5)
            async with connection, connection.channel() as channel:
                return await work(channel)

        return asyncio.run(run())


class Sqs(Broker):
    """An SQS, played by MiniStack; three deliveries, then the queue of dead letters."""

    environment = _KEYS

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        found = sorted(TOOLS.glob("ministack-*/bin/ministack"), reverse=True)
        if not found:
            raise FileNotFoundError("there is no ministack: run tests/full/setup.sh")
        return [str(found[0])], {
            "GATEWAY_PORT": str(self.port),
            "HOME": str(self.folder),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "state"),
        }

    def end(self) -> None:
        """Kill it: it would wait for those who wait for messages."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def answers(self) -> None:
        self._client().list_queues()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/000000000000/{name}"

    def make(self, name: str) -> None:
        client = self._client()
        dead = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        told = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": told["Attributes"]["QueueArn"], "maxReceiveCount": "3"}
        attributes = {"RedrivePolicy": json.dumps(policy)}
        client.create_queue(QueueName=name, Attributes=attributes)

    def send(self, name: str, bodies: Sequence[bytes]) -> None:
        client = self._client()
        for body in bodies:
            client.send_message(QueueUrl=self.url(name), MessageBody=body.decode())

    def left(self, name: str) -> int:
        counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self._client().get_queue_attributes(QueueUrl=self.url(name), AttributeNames=counted)
        return sum(int(told["Attributes"][count]) for count in counted)

    def dead(self, name: str) -> list[bytes]:
        found: list[bytes] = []
        while True:
            told = self._client().receive_message(
                QueueUrl=self.url(f"{name}-dead"), MaxNumberOfMessages=10
            )
            if not told.get("Messages"):
                return found
            found += [str(message["Body"]).encode() for message in told["Messages"]]

    def _client(self) -> Any:
        import botocore.session

        return botocore.session.get_session().create_client(
            "sqs",
            region_name=_KEYS["AWS_REGION"],
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
        )


BROKERS: Mapping[str, type[Broker]] = {
    "nats": Nats, "redis": Redis, "rabbitmq": Rabbit, "sqs": Sqs,
}  # fmt: skip


@contextmanager
def broker(name: str, folder: Path) -> Iterator[Broker]:
    """Run a broker until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    running = BROKERS[name](folder, free_port())
    with ExitStack() as ended:
        ended.callback(running.end)
        running.start()
        yield running
