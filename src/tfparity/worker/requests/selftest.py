"""Checks that a forked process can compute: one operation in every framework that the parent imported."""

import sys
from typing import Any, Dict

from tfparity.worker.messages import Reply


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    def compute() -> None:
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            if float(torch.ones(64, 64).matmul(torch.ones(64, 64)).sum()) != 64.0**3:
                raise ArithmeticError("torch computes wrongly after a fork")
        if "tensorflow" in sys.modules:
            tf = sys.modules["tensorflow"]
            total = tf.reduce_sum(tf.matmul(tf.ones((64, 64)), tf.ones((64, 64))))
            if not tf.executing_eagerly():  # TensorFlow 1
                total = tf.compat.v1.Session().run(total)
            if float(total) != 64.0**3:
                raise ArithmeticError("TensorFlow computes wrongly after a fork")

    reply.stage("selftest", compute)
