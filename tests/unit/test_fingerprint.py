"""One failure has one text and one name, whoever runs it, and two failures have two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfparity.records.fingerprint import LIMIT, fingerprint, normalise, printable

AUTOGRAPH = """in user code:

    File "/home/ann/envs/a/lib/python3.10/site-packages/onnx_tf/backend_tf_module.py", line 99, in __call__  *
        output_ops = self.backend._onnx_node_to_tensorflow_op(onnx_node,
    File "/home/ann/envs/a/lib/python3.10/site-packages/onnx_tf/handlers/handler.py", line 59, in handle  *
        raise BackendIsNotSupposedToImplementIt("{} version {} is not implemented.".format(node.op_type, version))
        ^^^^^^^^^^^^^^^^^^^^^^^^^

    BackendIsNotSupposedToImplementIt: Unsqueeze version 13 is not implemented.
"""


def test_folders_of_a_run_are_replaced_the_longer_one_first():
    places = {"/home/ann": "<home>", "/home/ann/envs/a": "<env>", "/scratch/run": "<tmp>"}
    text = "no /home/ann/envs/a/lib/x.so, see /home/ann/notes and /scratch/run/model."
    assert normalise(text, places) == "no <env>/lib/x.so, see <home>/notes and <tmp>/model."


def test_a_folder_is_not_replaced_inside_another_folders_name():
    assert normalise("/home/anna/x", {"/home/ann": "<home>"}) == "/home/anna/x"
    assert normalise("in /home/ann.", {"/home/ann": "<home>"}) == "in <home>."


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("<Thing object at 0x7f3a2b4c5d6e>", "<Thing object at <address>>"),
        ("/tmp/tmpab12cd34/model.onnx is missing", "<tmp>/<name>/model.onnx is missing"),
        ("/var/folders/zz/q1/T/job_81723/out", "<tmp>/<name>/out"),
        ("2026-11-22 19:46:01.123456: E core.cc:12] no", "<time>: E core.cc:12] no"),
        ("node __inference_signature_wrapper_48213", "node __inference_signature_wrapper_<id>"),
        ("bundle 0f3c9a7be1d24c55 is broken", "bundle <id> is broken"),
        ("node LSTM_e0d3a648/rnn/while/LSTM_b7816dec/rnn", "node LSTM_<id>/rnn/while/LSTM_<id>/rnn"),
        ("8*s72 (139785621079152)is not tracked", "8*s72 (<id>)is not tracked"),
        ("guard size()[0] != 9223372036854775807", "guard size()[0] != 9223372036854775807"),
        ("run 123e4567-e89b-12d3-a456-426614174000", "run <id>"),
        ("\x1b[1;31mred\x1b[0m and\tbell\x07", "red and bell"),
        ("one\r\ntwo   three\x00four", "one two three four"),
        ("still running after 600.2 seconds", "still running after <seconds>"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(text, normal):
    assert normalise(text, {}) == normal


@pytest.mark.parametrize(
    "text",
    [
        "Unsqueeze version 13 is not implemented.",
        "onnx 1.19.1 has no attribute 'mapping'",
        "output 'y' has shape (2, 9) instead of (2, 10)",
        "<env>/lib/python3.10/site-packages/onnx_tf/backend.py",
        "module 'keras' has no attribute '__internal__'",
    ],
)
def test_what_tells_failures_apart_is_kept(text):
    assert normalise(text, {}) == text


def test_two_keys_of_a_bundle_give_one_text():
    texts = [f"<tmp>/{key[:2]}/{key}/onnx-legacy-13/model.onnx" for key in ("ab" + "0" * 61 + "f", "37" + "e" * 62)]
    assert len({normalise(text, {}) for text in texts}) == 1


def test_frames_of_a_traceback_make_room_for_the_reason():
    reason = "in user code: BackendIsNotSupposedToImplementIt: Unsqueeze version 13 is not implemented."
    assert normalise(AUTOGRAPH, {}) == reason


def test_the_same_failure_under_another_release_has_the_same_text():
    assert normalise(AUTOGRAPH.replace("line 99", "line 104").replace("3.10", "3.11"), {}) == normalise(AUTOGRAPH, {})


def test_a_text_of_nothing_but_a_frame_is_kept():
    assert "line 3" in normalise('File "a.py", line 3, in f\n', {})


def test_a_long_text_keeps_its_head_and_its_tail():
    text = normalise("first " + "words in between " * 200 + "last", {})
    assert len(text) <= LIMIT
    assert text.startswith("first ")
    assert text.endswith(" last")
    assert "(…)" in text


@given(st.text(max_size=900), st.dictionaries(st.sampled_from(["/a", "/a/b", "/home/x"]), st.just("<env>")))
def test_normalising_twice_changes_nothing(text, places):
    once = normalise(text, places)
    assert normalise(once, places) == once
    assert normalise(once, {}) == once
    assert len(once) <= LIMIT


@given(
    st.lists(st.sampled_from(["/tmp/", "tmp", "0x", "abcdef0123456", "9", "-", " ", "__inference_", "a_", "é", "/"]))
)
def test_normalising_twice_changes_nothing_in_texts_made_of_what_is_masked(parts):
    once = normalise("".join(parts) * 9, {})
    assert normalise(once, {}) == once


@given(st.text())
def test_printable_text_can_be_written_anywhere(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert shown.isprintable() or all(c.isprintable() or not c.isascii() for c in shown)
    assert "\n" not in shown


def test_a_fingerprint_names_stage_type_and_message():
    one = fingerprint("convert", "KeyError", "x")
    assert len(one) == 12
    assert set(one) <= set("0123456789abcdef")
    assert one == fingerprint("convert", "KeyError", "x")
    others = [("load", "KeyError", "x"), ("convert", "ValueError", "x"), ("convert", "KeyError", "y")]
    assert len({one, *(fingerprint(*other) for other in others)}) == 4


def test_a_fingerprint_of_text_that_is_no_unicode_can_be_made():
    assert len(fingerprint("convert", "Error", "\udc80")) == 12


@pytest.mark.parametrize(
    "unseen", ["\x1b]0;title\x07", "\u061c", "\u00ad", "\u180e", "\ufff9", "\U000e0041", "\u202e", "\x9b"]
)
def test_what_no_person_sees_is_taken_out(unseen):
    assert printable(f"be{unseen}fore").replace(" ", "") == "before"


def test_what_a_person_sees_stays():
    assert printable("größer als 4 µs — 日本語 👍") == "größer als 4 µs — 日本語 👍"


def test_what_the_dynamo_exporter_advises_does_not_push_its_reason_out() -> None:
    advice = (
        "Failed to export the model with torch.export. \x1b[96mThis is step 1/3\x1b[0m of exporting the model to ONNX. "
        "Next steps:\n- Modify the model code for `torch.export.export` to succeed.\n- Debug it.\n" + "- More.\n" * 90
    )
    reason = "<class 'RuntimeError'>: Could not guard on data-dependent expression Eq(u0, 0)"
    told = normalise(f"{advice}\n## Exception summary\n\n{reason}\n\n(Refer to the full stack trace above.)", {})
    assert told == f"Failed to export the model with torch.export. {reason} (Refer to the full stack trace above.)"
