"""Runs the cases of one Python client against a broker: `run.py paho --port P --tls-port T --cafile CA`.

Prints `ok NAME` or `FAIL NAME why` per case and exits non-zero if any failed.
"""

import importlib

import harness

CLIENTS = ("aiomqtt", "paho")

if __name__ == "__main__":
    harness.main({name: lambda name=name: importlib.import_module(f"{name}_cases").CASES for name in CLIENTS})
