"""Connects a client's JACK outputs to its inputs as soon as it has both: `python jack_loop.py`.

Prints "ready" when it looks, and "connected" when it has found them; ends with its standard input.
"""

import sys
import threading
import time

import jack


def connect(client: jack.Client, name: str = "PortAudio") -> bool:
    inputs = client.get_ports(f"^{name}.*", is_audio=True, is_input=True)
    outputs = client.get_ports(f"^{name}.*", is_audio=True, is_output=True)
    for output, input_ in zip(outputs, inputs):
        if input_ not in client.get_all_connections(output):
            client.connect(output, input_)
    return bool(inputs and outputs)


def main() -> None:
    client = jack.Client("loop_maker")
    client.activate()
    done = threading.Event()

    def until_closed() -> None:
        sys.stdin.read()
        done.set()

    threading.Thread(target=until_closed, daemon=True).start()
    print("ready", flush=True)
    while not done.is_set():
        try:
            if connect(client):
                print("connected", flush=True)
        except jack.JackError:
            pass  # the ports have gone again
        time.sleep(0.02)


if __name__ == "__main__":
    main()
