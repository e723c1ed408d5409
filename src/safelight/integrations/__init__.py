"""Template languages that write addresses of pictures; each is loaded only where it is used."""
