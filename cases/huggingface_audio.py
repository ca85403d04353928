"""Hugging Face audio: speech recognition, classifiers of sound, translation of speech, and vocoders.

Tiny configurations with random weights (see huggingface.py), eager attention where the version has a choice.
Waveforms and spectrograms are as the feature extractors give them: of mean zero and deviation one.
"""

from tfparity import case, integers, mask, normal, ranking

VOCABULARY = 96
SAMPLES = {"samples": (400, 300, 520)}

LOGITS = ["logits"]
STATES = ["last_hidden_state"]
LABELS = {"num_labels": 5}

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"
PROJECTED_KEY = {"*.k_proj.bias": KEY_BIAS}


def _eager():
    """The argument of a configuration that asks for eager attention, where transformers has a choice (from 4.36 on)."""
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return {"attn_implementation": "eager"} if version >= (4, 36) else {}


def _network(model, configuration, settings):
    """The model class of that name, in eval mode, without what hides frames in training."""
    import copy

    import transformers

    given = dict(copy.deepcopy(settings), **_eager())
    network = getattr(transformers, model)(getattr(transformers, configuration)(**given)).eval()
    for module in network.modules():
        if getattr(module, "masked_spec_embed", None) is not None:
            module.masked_spec_embed = None
    return network


def _wave(
    name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None, samples=(400, 300, 520)
):
    """input_values in, a waveform of any length; the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", "samples", name="input_values")],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes={"samples": samples},
        requires=requires,
        tags={"audio", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Listener(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_values):
                answer = self.network(input_values=input_values, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Listener(_network(model, configuration, settings)).eval()


def _padded_wave(name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None):
    """The same with an attention_mask over samples, from which the frames that count are found."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", "samples", name="input_values"), mask("batch", "samples", name="attention_mask")],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SAMPLES,
        requires=requires,
        tags={"audio", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Listener(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_values, attention_mask):
                answer = self.network(input_values=input_values, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Listener(_network(model, configuration, settings)).eval()


# wav2vec 2.0: strided convolutions over the waveform, positions by a grouped convolution, a transformer; and its heads.
WAV2VEC2 = {
    "vocab_size": 32,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.2,
    "conv_dim": [16, 16, 16],
    "conv_stride": [5, 2, 2],
    "conv_kernel": [10, 3, 3],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16,
    "mask_time_prob": 0.0,
}
STABLE = dict(WAV2VEC2, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
XVECTOR = dict(WAV2VEC2, tdnn_dim=[16, 16, 24], tdnn_kernel=[3, 3, 1], tdnn_dilation=[1, 2, 1], xvector_output_dim=8)
_wave("wav2vec2", "Wav2Vec2Model", "Wav2Vec2Config", WAV2VEC2, STATES, insensitive=PROJECTED_KEY)
_wave("wav2vec2-ctc", "Wav2Vec2ForCTC", "Wav2Vec2Config", WAV2VEC2, LOGITS, insensitive=PROJECTED_KEY)
_padded_wave(
    "wav2vec2-ctc-padded",
    "Wav2Vec2ForCTC",
    "Wav2Vec2Config",
    STABLE,
    LOGITS,
    insensitive=PROJECTED_KEY,
)
_wave(
    "wav2vec2-sequence-classification",
    "Wav2Vec2ForSequenceClassification",
    "Wav2Vec2Config",
    dict(WAV2VEC2, **LABELS),
    LOGITS,
    {"transformers": ">=4.10"},
    insensitive=PROJECTED_KEY,
)
_wave(
    "wav2vec2-frame-classification",
    "Wav2Vec2ForAudioFrameClassification",
    "Wav2Vec2Config",
    dict(WAV2VEC2, **LABELS),
    LOGITS,
    {"transformers": ">=4.16"},
    insensitive=PROJECTED_KEY,
)
# Who speaks: dilated layers over time, then mean and deviation of what they give.
_wave(
    "wav2vec2-xvector",
    "Wav2Vec2ForXVector",
    "Wav2Vec2Config",
    XVECTOR,
    ["logits", "embeddings"],
    {"transformers": ">=4.16"},
    insensitive=dict(PROJECTED_KEY, **{"*.objective.weight": "weighs a loss that is not asked for"}),
)

# Its relatives.
_wave("hubert", "HubertModel", "HubertConfig", WAV2VEC2, STATES, {"transformers": ">=4.8"}, insensitive=PROJECTED_KEY)
_wave(
    "hubert-ctc",
    "HubertForCTC",
    "HubertConfig",
    WAV2VEC2,
    LOGITS,
    {"transformers": ">=4.8"},
    insensitive=PROJECTED_KEY,
)
_wave(
    "hubert-sequence-classification",
    "HubertForSequenceClassification",
    "HubertConfig",
    dict(WAV2VEC2, **LABELS),
    LOGITS,
    {"transformers": ">=4.9"},
    insensitive=PROJECTED_KEY,
)
# Gated relative positions, in torch's own multi-head attention.
_wave(
    "wavlm",
    "WavLMModel",
    "WavLMConfig",
    dict(WAV2VEC2, num_buckets=16, max_bucket_distance=32),
    STATES,
    {"transformers": ">=4.15"},
    insensitive=PROJECTED_KEY,
)
_wave(
    "unispeech",
    "UniSpeechModel",
    "UniSpeechConfig",
    WAV2VEC2,
    STATES,
    {"transformers": ">=4.12"},
    insensitive=PROJECTED_KEY,
)
_wave(
    "unispeech-sat",
    "UniSpeechSatModel",
    "UniSpeechSatConfig",
    WAV2VEC2,
    STATES,
    {"transformers": ">=4.12"},
    insensitive=PROJECTED_KEY,
)
# Half the frames for the transformer, and all of them again behind it.
_wave(
    "sew",
    "SEWModel",
    "SEWConfig",
    dict(WAV2VEC2, squeeze_factor=2),
    STATES,
    {"transformers": ">=4.12"},
    insensitive=PROJECTED_KEY,
)
_wave(
    "sew-d",
    "SEWDModel",
    "SEWDConfig",
    dict(WAV2VEC2, squeeze_factor=2, position_buckets=8, max_position_embeddings=32),
    STATES,
    {"transformers": ">=4.12"},
)
# Convolutions inside the transformer's layers, relative positions by a shift.
_wave(
    "wav2vec2-conformer",
    "Wav2Vec2ConformerModel",
    "Wav2Vec2ConformerConfig",
    dict(WAV2VEC2, conv_depthwise_kernel_size=5, max_source_positions=64),
    STATES,
    {"transformers": ">=4.20"},
    insensitive={
        "*.linear_k.bias": KEY_BIAS,
        "*.pos_conv_embed.*": "positions are relative, and it is made all the same",
    },
)
_wave(
    "data2vec-audio",
    "Data2VecAudioModel",
    "Data2VecAudioConfig",
    dict(WAV2VEC2, conv_pos_kernel_size=5, num_conv_pos_embeddings=2),
    STATES,
    {"transformers": ">=4.17"},
    insensitive=PROJECTED_KEY,
)


def _spectrogram(name, model, configuration, settings, fields, shape, axes, requires, tags=(), insensitive=None):
    """A spectrogram in, of that shape behind the batch; the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", *shape, name="input_features")],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=axes,
        requires=requires,
        tags={"audio", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Listener(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_features):
                answer = self.network(input_features, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Listener(_network(model, configuration, settings)).eval()


_spectrogram(
    "wav2vec2-bert",
    "Wav2Vec2BertModel",
    "Wav2Vec2BertConfig",
    dict(
        WAV2VEC2,
        feature_projection_input_dim=16,
        conv_depthwise_kernel_size=5,
        left_max_position_embeddings=8,
        right_max_position_embeddings=4,
    ),
    STATES,
    ["frames", 16],
    {"frames": (20, 12, 28)},
    {"transformers": ">=4.37"},
    insensitive={"*.linear_k.bias": KEY_BIAS},
)
# The spectrogram as an image of patches, with two class tokens.
_spectrogram(
    "audio-spectrogram-transformer",
    "ASTForAudioClassification",
    "ASTConfig",
    dict(
        LABELS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        patch_size=4,
        frequency_stride=3,
        time_stride=3,
        max_length=32,
        num_mel_bins=16,
        initializer_range=0.2,
    ),
    LOGITS,
    [32, 16],
    None,
    {"transformers": ">=4.25"},
    insensitive={"*.attention*.k*.bias": KEY_BIAS},
)
_spectrogram(
    "parakeet-ctc",
    "ParakeetForCTC",
    "ParakeetCTCConfig",
    {
        "vocab_size": 32,
        "pad_token_id": 31,
        "initializer_range": 0.2,
        "encoder_config": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "conv_kernel_size": 5,
            "subsampling_conv_channels": 8,
            "num_mel_bins": 16,
            "max_position_embeddings": 64,
            "initializer_range": 0.2,
        },
    },
    LOGITS,
    ["frames", 16],
    {"frames": (64, 48, 96)},
    {"transformers": ">=4.57"},
    insensitive=PROJECTED_KEY,
)

# Whisper: two convolutions, a transformer over a fixed window of sound, a decoder of text.
WHISPER = {
    "vocab_size": VOCABULARY,
    "num_mel_bins": 16,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_source_positions": 20,
    "max_target_positions": 40,
    "init_std": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "begin_suppress_tokens": None,
    "use_cache": False,
    "classifier_proj_size": 16,
}
WHISPER_INPUT = normal("batch", 16, 40, name="input_features")
TARGET = integers("batch", "target", high=VOCABULARY, name="decoder_input_ids")
HAS_WHISPER = {"transformers": ">=4.23"}


def _transcriber(name, model, configuration, settings, fields, sound, axes, requires, tags=(), insensitive=None):
    """A sound and decoder_input_ids in, the named fields of the answer out. `sound` is the input's name and shape."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", *sound[1:], name=sound[0]), TARGET],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=dict(axes, target=(9, 4)),
        requires=requires,
        tags={"audio", "seq2seq", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Transcriber(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, sound, decoder_input_ids):
                answer = self.network(sound, decoder_input_ids=decoder_input_ids, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Transcriber(_network(model, configuration, settings)).eval()


_transcriber(
    "whisper",
    "WhisperForConditionalGeneration",
    "WhisperConfig",
    WHISPER,
    ["logits", "encoder_last_hidden_state"],
    ["input_features", 16, 40],
    {},
    HAS_WHISPER,
)
_transcriber(
    "whisper-base", "WhisperModel", "WhisperConfig", WHISPER, STATES, ["input_features", 16, 40], {}, HAS_WHISPER
)
_spectrogram(
    "whisper-audio-classification",
    "WhisperForAudioClassification",
    "WhisperConfig",
    dict(WHISPER, **LABELS),
    LOGITS,
    [16, 40],
    None,
    {"transformers": ">=4.29"},
)


@case(
    "huggingface/whisper-own-mask",
    inputs=[WHISPER_INPUT, TARGET],
    outputs=[ranking("logits")],
    axes={"target": (9, 4)},
    requires={"transformers": ">=4.53"},
    tags={"audio", "seq2seq"},
)
def whisper_own_mask():
    """The decoder's causal mask is made outside: from 4.53 on the model's own way (vmap) cannot be traced."""
    import torch

    class Transcriber(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_features, decoder_input_ids):
            places = torch.arange(decoder_input_ids.shape[1], device=decoder_input_ids.device)
            seen = (places.unsqueeze(0) <= places.unsqueeze(1)).expand(decoder_input_ids.shape[0], 1, -1, -1)
            hidden = torch.zeros_like(seen, dtype=self.network.dtype).masked_fill(~seen, -10000.0)
            return self.network(
                input_features,
                decoder_input_ids=decoder_input_ids,
                decoder_attention_mask=hidden,
                return_dict=True,
            ).logits

    return Transcriber(_network("WhisperForConditionalGeneration", "WhisperConfig", WHISPER)).eval()


@case(
    "huggingface/whisper-encoder",
    inputs=[WHISPER_INPUT],
    outputs=["last_hidden_state"],
    requires=HAS_WHISPER,
    tags={"audio"},
)
def whisper_encoder():
    """The encoder alone, as it is deployed beside a decoder."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_features):
            return self.network(input_features, return_dict=True).last_hidden_state

    return Encoder(_network("WhisperModel", "WhisperConfig", WHISPER).encoder).eval()


@case(
    "huggingface/whisper-decoder",
    inputs=[TARGET, normal("batch", 20, 32, name="encoder_hidden_states")],
    outputs=[ranking("logits")],
    axes={"target": (9, 4)},
    requires=HAS_WHISPER,
    tags={"audio", "seq2seq"},
)
def whisper_decoder():
    """The decoder alone, given the encoder's states."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    class Decoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, decoder_input_ids, encoder_hidden_states):
            return self.network(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoder_hidden_states),
                decoder_input_ids=decoder_input_ids,
                return_dict=True,
            ).logits

    network = _network("WhisperForConditionalGeneration", "WhisperConfig", WHISPER)
    network.model.encoder = None
    return Decoder(network).eval()


# Rotary positions, three convolutions that turn 384 samples into one frame.
_transcriber(
    "moonshine",
    "MoonshineForConditionalGeneration",
    "MoonshineConfig",
    {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "encoder_num_hidden_layers": 2,
        "decoder_num_hidden_layers": 2,
        "encoder_num_attention_heads": 4,
        "decoder_num_attention_heads": 4,
        "max_position_embeddings": 40,
        "partial_rotary_factor": 0.5,
        "initializer_range": 0.2,
        "use_cache": False,
    },
    LOGITS,
    ["input_values", "samples"],
    {"samples": (3200, 2400, 4000)},
    {"transformers": ">=4.48"},
)
_transcriber(
    "speecht5",
    "SpeechT5ForSpeechToText",
    "SpeechT5Config",
    dict(
        {name: value for name, value in WAV2VEC2.items() if name not in ("num_hidden_layers", "intermediate_size")},
        vocab_size=VOCABULARY,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_max_relative_position=16,
        max_text_positions=40,
        max_speech_positions=80,
        scale_embedding=True,
        initializer_range=0.3,
        use_cache=False,
    ),
    LOGITS,
    ["input_values", "samples"],
    SAMPLES,
    {"transformers": ">=4.27"},
    insensitive=PROJECTED_KEY,
)


@case(
    "huggingface/speech-to-text",
    inputs=[
        normal("batch", "frames", 16, name="input_features"),
        mask("batch", "frames", name="attention_mask"),
        TARGET,
    ],
    outputs=[ranking("logits"), "encoder_last_hidden_state"],
    axes={"frames": (40, 24, 56), "target": (9, 4)},
    tags={"audio", "seq2seq"},
    insensitive=PROJECTED_KEY,
)
def speech_to_text():
    """Translation of speech: gated convolutions that quarter the frames, sines and cosines counted from the mask."""
    import torch

    class Translator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_features, attention_mask, decoder_input_ids):
            longest = torch.ones_like(attention_mask[:1])  # the others are padded up to it
            answer = self.network(
                input_features=input_features,
                attention_mask=torch.cat((longest, attention_mask[1:])),
                decoder_input_ids=decoder_input_ids,
                return_dict=True,
            )
            return answer.logits, answer.encoder_last_hidden_state

    settings = {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_source_positions": 60,
        "max_target_positions": 40,
        "conv_channels": 32,
        "input_feat_per_channel": 16,
        "init_std": 0.2,
        "use_cache": False,
    }
    return Translator(_network("Speech2TextForConditionalGeneration", "Speech2TextConfig", settings)).eval()


@case(
    "huggingface/speech-encoder-decoder",
    inputs=[normal("batch", "samples", name="input_values"), TARGET],
    outputs=[ranking("logits")],
    axes={"samples": (400, 300, 520), "target": (9, 4)},
    requires={"transformers": ">=4.11"},
    tags={"audio", "seq2seq"},
    insensitive={"*.k_proj.bias": KEY_BIAS, "*.key.bias": KEY_BIAS},
)
def speech_encoder_decoder():
    """wav2vec 2.0 in front, BERT behind."""
    import torch
    from transformers import BertConfig, BertLMHeadModel, SpeechEncoderDecoderModel

    class Transcriber(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_values, decoder_input_ids):
            return self.network(
                inputs=input_values, decoder_input_ids=decoder_input_ids, use_cache=False, return_dict=True
            ).logits

    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 40,
        "initializer_range": 0.2,
        "is_decoder": True,
        "add_cross_attention": True,
    }
    encoder = _network("Wav2Vec2Model", "Wav2Vec2Config", WAV2VEC2)
    decoder = BertLMHeadModel(BertConfig(**dict(settings, **_eager())))
    return Transcriber(SpeechEncoderDecoderModel(encoder=encoder, decoder=decoder)).eval()


def _drawn(network):
    """`network` with every matrix drawn from N(0, 2 / inputs), and what weight norm multiplies by doubled: vocoders
    start from fainter weights."""
    import torch

    for _, parameter in sorted(network.named_parameters()):
        if parameter.dim() > 1:
            inputs = parameter[0].numel()
            if inputs > 1:
                torch.nn.init.normal_(parameter, std=(2.0 / inputs) ** 0.5)
            else:
                parameter.data.mul_(2.0)
    return network


@case(
    "huggingface/hifigan",
    inputs=[normal("batch", "frames", 16, name="spectrogram")],
    outputs=["waveform"],
    axes={"frames": (12, 8, 20)},
    requires={"transformers": ">=4.27"},
    tags={"audio", "vocoder"},
)
def hifigan():
    """A vocoder: transposed convolutions, dilated residual blocks, leaky ReLU and tanh."""
    import torch

    class Vocoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, spectrogram):
            return self.network(spectrogram)

    settings = {
        "model_in_dim": 16,
        "upsample_initial_channel": 16,
        "upsample_rates": [4, 4],
        "upsample_kernel_sizes": [8, 8],
        "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 3], [1, 3]],
    }
    return Vocoder(_drawn(_network("SpeechT5HifiGan", "SpeechT5HifiGanConfig", settings))).eval()


@case(
    "huggingface/univnet",
    inputs=[
        normal("batch", "frames", 16, name="input_features"),
        normal("batch", "frames", 8, name="noise_sequence"),
    ],
    outputs=["waveforms"],
    axes={"frames": (12, 8, 20)},
    requires={"transformers": ">=4.36"},
    tags={"audio", "vocoder"},
)
def univnet():
    """A vocoder whose kernels are computed from the spectrogram, place by place."""
    import torch

    class Vocoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_features, noise_sequence):
            return self.network(
                input_features=input_features, noise_sequence=noise_sequence, return_dict=True
            ).waveforms

    settings = {
        "model_in_channels": 8,
        "model_hidden_channels": 8,
        "num_mel_bins": 16,
        "resblock_kernel_sizes": [3],
        "resblock_stride_sizes": [4],
        "resblock_dilation_sizes": [[1, 3]],
        "kernel_predictor_num_blocks": 1,
        "kernel_predictor_hidden_channels": 8,
    }
    return Vocoder(_drawn(_network("UnivNetModel", "UnivNetConfig", settings))).eval()


@case(
    "huggingface/encodec",
    inputs=[normal("batch", 1, "samples", name="input_values")],
    outputs=["embeddings", "audio_values"],
    axes={"samples": (320, 160, 480)},
    requires={"transformers": ">=4.31"},
    tags={"audio", "codec"},
)
def encodec():
    """A codec of sound less its codes, which would hide small differences: causal convolutions, an LSTM, and back."""
    import torch

    class Codec(torch.nn.Module):
        def __init__(self, encoder, decoder):
            super().__init__()
            self.encoder, self.decoder = encoder, decoder

        def forward(self, input_values):
            embeddings = self.encoder(input_values)
            return embeddings, self.decoder(embeddings)

    settings = {
        "hidden_size": 16,
        "num_filters": 4,
        "upsampling_ratios": [4, 4],
        "num_lstm_layers": 1,
        "codebook_size": 16,
        "target_bandwidths": [6.0],
    }
    network = _network("EncodecModel", "EncodecConfig", settings)
    return Codec(_drawn(network.encoder), _drawn(network.decoder)).eval()
