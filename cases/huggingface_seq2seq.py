"""Hugging Face encoder-decoders: translation and summarisation, the heads on them, and forecasting of time series.

Tiny configurations with random weights (see huggingface.py), eager attention where the version has a choice, no
cache. Source and target have lengths of their own, both free.
"""

from tfparity import case, integers, mask, normal, ranking

VOCABULARY = 96
TOKENS = integers("batch", "sequence", high=VOCABULARY, name="input_ids")
ATTENTION_MASK = mask("batch", "sequence", name="attention_mask")
TARGET = integers("batch", "target", high=VOCABULARY, name="decoder_input_ids")
SEQUENCE = {"sequence": (16, 7, 24)}
LENGTHS = {"sequence": (16, 7, 24), "target": (9, 4)}

LOGITS = ["logits"]
BOTH = ["logits", "encoder_last_hidden_state"]
SPAN = ["start_logits", "end_logits"]
LABELS = {"num_labels": 5}

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"
PROJECTED_KEY = {"*.k_proj.bias": KEY_BIAS}

SPECIAL = {
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": 2,
    "use_cache": False,
}


def _eager():
    """The argument of a configuration that asks for eager attention, where transformers has a choice (from 4.36 on)."""
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return {"attn_implementation": "eager"} if version >= (4, 36) else {}


def _network(model, configuration, settings):
    """The model class of that name, in eval mode."""
    import transformers

    return getattr(transformers, model)(getattr(transformers, configuration)(**dict(settings, **_eager()))).eval()


def _translator(
    name, model, configuration, settings, fields=BOTH, requires=None, tags=(), insensitive=None, sizes=(16, 7, 24)
):
    """input_ids, attention_mask and decoder_input_ids in, the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK, TARGET],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes={"sequence": sizes, "target": (9, 4)},
        requires=requires,
        tags={"seq2seq", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Translator(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask, decoder_input_ids):
                answer = self.network(
                    input_ids=input_ids,
                    attention_mask=attention_mask,
                    decoder_input_ids=decoder_input_ids,
                    return_dict=True,
                )
                return tuple(getattr(answer, field) for field in fields)

        return Translator(_network(model, configuration, settings)).eval()


def _reader(name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None):
    """input_ids and attention_mask in: an encoder alone, or a head that makes the target of the source."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SEQUENCE,
        requires=requires,
        tags={"seq2seq", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Reader(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Reader(_network(model, configuration, settings)).eval()


def _classifier(name, model, configuration, settings, requires=None, insensitive=None):
    """A head on the last state of the token that ends the text, which is looked for; put there by the wrapper."""

    @case(
        "huggingface/" + name,
        inputs=[integers("batch", "sequence", low=3, high=VOCABULARY, name="input_ids")],
        outputs=[ranking("logits")],
        axes=SEQUENCE,
        requires=requires,
        tags={"seq2seq"},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Classifier(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids):
                end = torch.zeros_like(input_ids[:, :1]) + 2
                return self.network(input_ids=torch.cat((input_ids, end), dim=1), return_dict=True).logits

        return Classifier(_network(model, configuration, settings)).eval()


def _decoder(name, model, configuration, settings, body, requires=None, tags=(), insensitive=None):
    """The decoder of a pair that is exported in two: the encoder's states come in. `body` holds the encoder."""

    @case(
        "huggingface/" + name,
        inputs=[TARGET, normal("batch", "sequence", 32, name="encoder_hidden_states"), ATTENTION_MASK],
        outputs=[ranking("logits")],
        axes=LENGTHS,
        requires=requires,
        tags={"seq2seq", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        class Decoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, decoder_input_ids, encoder_hidden_states, attention_mask):
                return self.network(
                    encoder_outputs=BaseModelOutput(last_hidden_state=encoder_hidden_states),
                    attention_mask=attention_mask,
                    decoder_input_ids=decoder_input_ids,
                    return_dict=True,
                ).logits

        network = _network(model, configuration, settings)
        (getattr(network, body) if body else network).encoder = None
        return Decoder(network).eval()


# T5 (without a mask in huggingface.py): with a mask, the gated layers of v1.1 and Flan, heads, and each half alone.
T5 = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    d_model=32,
    d_kv=8,
    d_ff=64,
    num_layers=2,
    num_heads=4,
)
T5_GATED = dict(T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
_translator("t5-padded", "T5ForConditionalGeneration", "T5Config", T5, tags={"core"})
_translator("t5-gated", "T5ForConditionalGeneration", "T5Config", T5_GATED)
_translator("t5-base", "T5Model", "T5Config", T5, ["last_hidden_state"])
_reader("t5-encoder", "T5EncoderModel", "T5Config", T5, ["last_hidden_state"])
_reader(
    "t5-question-answering",
    "T5ForQuestionAnswering",
    "T5Config",
    T5,
    SPAN,
    requires={"transformers": ">=4.31"},
)
_reader(
    "t5-token-classification",
    "T5ForTokenClassification",
    "T5Config",
    dict(T5, **LABELS),
    LOGITS,
    requires={"transformers": ">=4.39"},
)
_classifier(
    "t5-sequence-classification",
    "T5ForSequenceClassification",
    "T5Config",
    dict(T5, **LABELS),
    requires={"transformers": ">=4.33"},
)
_decoder("t5-decoder", "T5ForConditionalGeneration", "T5Config", T5, "")
_translator("mt5", "MT5ForConditionalGeneration", "MT5Config", T5_GATED)
# Every layer has relative positions of its own.
_translator("umt5", "UMT5ForConditionalGeneration", "UMT5Config", T5_GATED, requires={"transformers": ">=4.31"})
# Attention to blocks around, and to sums over blocks.
_translator(
    "longt5",
    "LongT5ForConditionalGeneration",
    "LongT5Config",
    dict(T5, local_radius=3, encoder_attention_type="local"),
    requires={"transformers": ">=4.20"},
    sizes=(16, 7, 24),
)
_translator(
    "longt5-transient-global",
    "LongT5ForConditionalGeneration",
    "LongT5Config",
    dict(T5, local_radius=3, global_block_size=4, encoder_attention_type="transient-global"),
    requires={"transformers": ">=4.20"},
    sizes=(16, 8, 24),
)
# A mixture of experts: each token goes to one of four, up to a capacity.
_translator(
    "switch-transformers",
    "SwitchTransformersForConditionalGeneration",
    "SwitchTransformersConfig",
    dict(
        T5,
        num_decoder_layers=2,
        num_sparse_encoder_layers=1,
        num_sparse_decoder_layers=1,
        num_experts=4,
        router_jitter_noise=0.0,  # some versions add it in eval mode, too
    ),
    requires={"transformers": ">=4.25"},
)

# BART: learned positions behind an offset, cross-attention, tied embeddings with a bias on the logits.
BART = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    d_model=32,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    max_position_embeddings=40,
    init_std=0.2,
)
_translator("bart", "BartForConditionalGeneration", "BartConfig", BART, tags={"core"}, insensitive=PROJECTED_KEY)
_translator("bart-base", "BartModel", "BartConfig", BART, ["last_hidden_state"], insensitive=PROJECTED_KEY)
_reader("bart-question-answering", "BartForQuestionAnswering", "BartConfig", BART, SPAN, insensitive=PROJECTED_KEY)
_classifier(
    "bart-sequence-classification",
    "BartForSequenceClassification",
    "BartConfig",
    dict(BART, **LABELS),
    insensitive=PROJECTED_KEY,
)
_decoder("bart-decoder", "BartForConditionalGeneration", "BartConfig", BART, "model", insensitive=PROJECTED_KEY)

# Its relatives: norms before the layers, sines and cosines, embeddings of two languages.
_translator(
    "mbart",
    "MBartForConditionalGeneration",
    "MBartConfig",
    dict(BART, scale_embedding=True),
    insensitive=PROJECTED_KEY,
)
MARIAN = dict(BART, scale_embedding=True, activation_function="swish")
_translator(
    "marian",
    "MarianMTModel",
    "MarianConfig",
    MARIAN,
    insensitive=PROJECTED_KEY,
)
_translator(
    "marian-base",
    "MarianModel",
    "MarianConfig",
    MARIAN,
    ["last_hidden_state"],
    insensitive=PROJECTED_KEY,
)
_translator(
    "pegasus",
    "PegasusForConditionalGeneration",
    "PegasusConfig",
    dict(BART, scale_embedding=True),
    insensitive=PROJECTED_KEY,
)
_translator("blenderbot", "BlenderbotForConditionalGeneration", "BlenderbotConfig", BART, insensitive=PROJECTED_KEY)
_translator(
    "blenderbot-small",
    "BlenderbotSmallForConditionalGeneration",
    "BlenderbotSmallConfig",
    BART,
    insensitive=PROJECTED_KEY,
)
_translator("m2m-100", "M2M100ForConditionalGeneration", "M2M100Config", BART, insensitive=PROJECTED_KEY)
_translator(
    "mvp",
    "MvpForConditionalGeneration",
    "MvpConfig",
    BART,
    requires={"transformers": ">=4.21"},
    insensitive=PROJECTED_KEY,
)
_translator(
    "plbart",
    "PLBartForConditionalGeneration",
    "PLBartConfig",
    BART,
    requires={"transformers": ">=4.17"},
    insensitive=PROJECTED_KEY,
)
# No text holds padding: the decoder asks in Python whether it does, and a trace keeps the answer.
_translator(
    "fsmt",
    "FSMTForConditionalGeneration",
    "FSMTConfig",
    dict(
        {name: value for name, value in BART.items() if name != "vocab_size"},
        langs=["en", "de"],
        src_vocab_size=VOCABULARY + 1,
        tgt_vocab_size=VOCABULARY + 1,
        pad_token_id=VOCABULARY,
    ),
    insensitive=PROJECTED_KEY,
)
# Long documents: blocks that are staggered from layer to layer, and tokens that see everything.
_translator(
    "pegasus-x",
    "PegasusXForConditionalGeneration",
    "PegasusXConfig",
    dict(BART, num_global_tokens=4, block_size=8),
    requires={"transformers": ">=4.22"},
    sizes=(16, 8, 24),
)
_translator(
    "bigbird-pegasus",
    "BigBirdPegasusForConditionalGeneration",
    "BigBirdPegasusConfig",
    dict(BART, attention_type="original_full", use_bias=True),
    requires={"transformers": ">=4.6"},
    insensitive={"*.key.bias": KEY_BIAS, "*.k_proj.bias": KEY_BIAS},
)
# The decoder predicts two tokens ahead, in a stream for each.
_translator(
    "prophetnet",
    "ProphetNetForConditionalGeneration",
    "ProphetNetConfig",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_encoder_layers=2,
        num_decoder_layers=2,
        num_encoder_attention_heads=4,
        num_decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=40,
        init_std=0.2,
    ),
    ["logits", "logits_ngram", "encoder_last_hidden_state"],
    insensitive={"*.key_proj.bias": KEY_BIAS},
)


def _own_mask(name, model, configuration, settings, tags=(), insensitive=None):
    """The decoder's causal mask is made outside, with four dimensions, and taken as it is: the model's own is made by
    triu, which needs opset 14."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK, TARGET],
        outputs=[ranking("logits")],
        axes=LENGTHS,
        requires={"transformers": ">=4.53"},
        tags={"seq2seq", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Translator(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask, decoder_input_ids):
                places = torch.arange(decoder_input_ids.shape[1], device=input_ids.device)
                seen = (places.unsqueeze(0) <= places.unsqueeze(1)).expand(input_ids.shape[0], 1, -1, -1)
                hidden = torch.zeros_like(seen, dtype=self.network.dtype).masked_fill(~seen, -10000.0)
                return self.network(
                    input_ids=input_ids,
                    attention_mask=attention_mask,
                    decoder_input_ids=decoder_input_ids,
                    decoder_attention_mask=hidden,
                    return_dict=True,
                ).logits

        return Translator(_network(model, configuration, settings)).eval()


_own_mask("t5-own-mask", "T5ForConditionalGeneration", "T5Config", T5, tags={"core"})
_own_mask("bart-own-mask", "BartForConditionalGeneration", "BartConfig", BART, insensitive=PROJECTED_KEY)
_own_mask("marian-own-mask", "MarianMTModel", "MarianConfig", MARIAN, insensitive=PROJECTED_KEY)


@case(
    "huggingface/led",
    inputs=[TOKENS, ATTENTION_MASK, TARGET],
    outputs=[ranking("logits"), "encoder_last_hidden_state"],
    axes={"sequence": (16, 8, 32), "target": (9, 4)},
    tags={"seq2seq"},
    insensitive={"*.k_proj.bias": KEY_BIAS, "*.key.bias": KEY_BIAS, "*.key_global.bias": KEY_BIAS},
)
def led():
    """Long documents: windows of local attention as chunks that overlap, and a first token that sees everything."""
    import torch

    class Translator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, decoder_input_ids):
            everywhere = torch.zeros_like(attention_mask)
            first = torch.cat((torch.ones_like(everywhere[:, :1]), everywhere[:, 1:]), dim=1)
            answer = self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                global_attention_mask=first,
                decoder_input_ids=decoder_input_ids,
                return_dict=True,
            )
            return answer.logits, answer.encoder_last_hidden_state

    settings = dict(
        BART, max_encoder_position_embeddings=40, max_decoder_position_embeddings=40, attention_window=[8, 8]
    )
    return Translator(_network("LEDForConditionalGeneration", "LEDConfig", settings)).eval()


@case(
    "huggingface/encoder-decoder",
    inputs=[TOKENS, ATTENTION_MASK, TARGET],
    outputs=[ranking("logits")],
    axes=LENGTHS,
    tags={"seq2seq"},
    insensitive={"*.key.bias": KEY_BIAS},
)
def encoder_decoder():
    """Two BERTs, the second with cross-attention."""
    import torch
    from transformers import BertConfig, BertLMHeadModel, BertModel, EncoderDecoderModel

    class Translator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, decoder_input_ids):
            return self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                decoder_input_ids=decoder_input_ids,
                use_cache=False,
                return_dict=True,
            ).logits

    def bert(**more):
        return BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=40,
            initializer_range=0.2,
            **dict(more, **_eager()),
        )

    encoder = BertModel(bert(), add_pooling_layer=False)
    decoder = BertLMHeadModel(bert(is_decoder=True, add_cross_attention=True))
    return Translator(EncoderDecoderModel(encoder=encoder, decoder=decoder)).eval()


@case(
    "huggingface/rag",
    inputs=[
        integers("batch", 2, "sequence", high=VOCABULARY, name="context_input_ids"),
        mask("batch", 2, "sequence", name="context_attention_mask"),
        normal("batch", 2, name="doc_scores"),
        TARGET,
    ],
    outputs=[ranking("logits")],
    axes=LENGTHS,
    tags={"seq2seq"},
    insensitive={"*.k_proj.bias": KEY_BIAS},
)
def rag():
    """The generator of retrieval-augmented generation: answers over two passages, weighed by the passages' scores."""
    import torch
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        DPRConfig,
        DPRQuestionEncoder,
        RagConfig,
        RagTokenForGeneration,
    )

    class Generator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, context_input_ids, context_attention_mask, doc_scores, decoder_input_ids):
            return self.network(
                context_input_ids=context_input_ids.flatten(0, 1),
                context_attention_mask=context_attention_mask.flatten(0, 1),
                doc_scores=doc_scores,
                decoder_input_ids=decoder_input_ids,
                do_marginalize=True,
                n_docs=2,
                use_cache=False,
            ).logits

    question = DPRConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        **_eager(),
    )
    generator = BartConfig(**dict(BART, **_eager()))
    configuration = RagConfig.from_question_encoder_generator_configs(
        question, generator, n_docs=2, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=0
    )
    network = RagTokenForGeneration(
        configuration,
        question_encoder=DPRQuestionEncoder(question),
        generator=BartForConditionalGeneration(generator),
    )
    network.rag.question_encoder = None
    return Generator(network).eval()


@case(
    "huggingface/t5gemma",
    inputs=[TOKENS, ATTENTION_MASK, TARGET],
    outputs=[ranking("logits")],
    axes=LENGTHS,
    requires={"transformers": ">=4.53"},
    tags={"seq2seq"},
)
def t5gemma():
    """Two Gemma 2 stacks, the second with cross-attention."""
    import torch
    from transformers import T5GemmaConfig, T5GemmaForConditionalGeneration

    class Translator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, decoder_input_ids):
            return self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                decoder_input_ids=decoder_input_ids,
                use_cache=False,
                return_dict=True,
            ).logits

    stack = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "max_position_embeddings": 40,
        "sliding_window": 13,
        "layer_types": ["sliding_attention", "full_attention"],
        "initializer_range": 0.2,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    configuration = T5GemmaConfig(
        encoder=dict(stack), decoder=dict(stack), vocab_size=VOCABULARY, initializer_range=0.2, **_eager()
    )
    return Translator(T5GemmaForConditionalGeneration(configuration)).eval()


def _forecaster(name, model, configuration, settings, requires, insensitive=None):
    """past_values in: 32 steps of three series; the forecast out."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", 32, 3, name="past_values")],
        outputs=["prediction_outputs"],
        requires=requires,
        tags={"time-series"},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Forecaster(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, past_values):
                return self.network(past_values=past_values, return_dict=True).prediction_outputs

        return Forecaster(_network(model, configuration, settings)).eval()


# Patches of each series by unfolding, scaled by the series' own mean and deviation.
_forecaster(
    "patchtst",
    "PatchTSTForPrediction",
    "PatchTSTConfig",
    {
        "num_input_channels": 3,
        "context_length": 32,
        "patch_length": 8,
        "patch_stride": 4,
        "num_hidden_layers": 2,
        "d_model": 32,
        "num_attention_heads": 4,
        "ffn_dim": 64,
        "prediction_length": 6,
        "init_std": 0.2,
        "do_mask_input": False,
    },
    {"transformers": ">=4.36"},
    insensitive=PROJECTED_KEY,
)
_forecaster(
    "patchtsmixer",
    "PatchTSMixerForPrediction",
    "PatchTSMixerConfig",
    {
        "num_input_channels": 3,
        "context_length": 32,
        "patch_length": 8,
        "patch_stride": 8,
        "num_layers": 2,
        "d_model": 16,
        "prediction_length": 6,
        "post_init": True,
        "init_std": 0.3,
    },
    {"transformers": ">=4.36"},
)
