"""Hugging Face text encoders: every family once, and the heads that people deploy for the most asked-for ones.

Tiny configurations with random weights (see huggingface.py), eager attention where the version has a choice:
scaled_dot_product_attention needs opset 14.
"""

from tfparity import case, integers, mask, ranking

VOCABULARY = 96
TOKENS = integers("batch", "sequence", high=VOCABULARY, name="input_ids")
ATTENTION_MASK = mask("batch", "sequence", name="attention_mask")
TOKEN_TYPES = integers("batch", "sequence", high=2, name="token_type_ids")
SEQUENCE = {"sequence": (16, 7, 24)}

STATES = ["last_hidden_state"]
POOLED = ["last_hidden_state", "pooler_output"]
LOGITS = ["logits"]
SPAN = ["start_logits", "end_logits"]

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"
SELF_KEY = {"*.attention.self.key.bias": KEY_BIAS}

# What most families call it.
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
}
LABELS = {"num_labels": 5}


def _network(model, configuration, settings):
    """The model class of that name, in eval mode, with eager attention where transformers has a choice (from 4.36)."""
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    eager = {"attn_implementation": "eager"} if version >= (4, 36) else {}
    return getattr(transformers, model)(getattr(transformers, configuration)(**dict(settings, **eager))).eval()


def _encoder(name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None, sizes=(16, 7, 24)):
    """input_ids and attention_mask in, the named fields of the answer out; one size alone is a fixed length."""
    length = "sequence" if len(sizes) > 1 else sizes[0]

    @case(
        "huggingface/" + name,
        inputs=[
            integers("batch", length, high=VOCABULARY, name="input_ids"),
            mask("batch", length, name="attention_mask"),
        ],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes={"sequence": sizes} if len(sizes) > 1 else None,
        requires=requires,
        tags={"encoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Encoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Encoder(_network(model, configuration, settings)).eval()


def _pair_encoder(name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None):
    """The same with token_type_ids, which tell the first text of a pair from the second."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK, TOKEN_TYPES],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SEQUENCE,
        requires=requires,
        tags={"encoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Encoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask, token_type_ids):
                answer = self.network(
                    input_ids=input_ids,
                    attention_mask=attention_mask,
                    token_type_ids=token_type_ids,
                    return_dict=True,
                )
                return tuple(getattr(answer, field) for field in fields)

        return Encoder(_network(model, configuration, settings)).eval()


# BERT: the heads that are deployed, with the token types that its tokenizer gives.
_pair_encoder("bert-pair", "BertModel", "BertConfig", SMALL, POOLED, tags={"core"}, insensitive=SELF_KEY)
_pair_encoder("bert-masked-lm", "BertForMaskedLM", "BertConfig", SMALL, LOGITS, tags={"core"}, insensitive=SELF_KEY)
_pair_encoder(
    "bert-sequence-classification",
    "BertForSequenceClassification",
    "BertConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    tags={"core"},
    insensitive=SELF_KEY,
)
_pair_encoder(
    "bert-token-classification",
    "BertForTokenClassification",
    "BertConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    tags={"core"},
    insensitive=SELF_KEY,
)
_pair_encoder(
    "bert-question-answering",
    "BertForQuestionAnswering",
    "BertConfig",
    SMALL,
    SPAN,
    tags={"core"},
    insensitive=SELF_KEY,
)
_pair_encoder("bert-next-sentence", "BertForNextSentencePrediction", "BertConfig", SMALL, LOGITS, insensitive=SELF_KEY)

# RoBERTa: positions are counted at run time, by a cumulative sum over what is not padding.
_encoder("roberta", "RobertaModel", "RobertaConfig", SMALL, POOLED, tags={"core"}, insensitive=SELF_KEY)
_encoder("roberta-masked-lm", "RobertaForMaskedLM", "RobertaConfig", SMALL, LOGITS, insensitive=SELF_KEY)
_encoder(
    "roberta-sequence-classification",
    "RobertaForSequenceClassification",
    "RobertaConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_encoder(
    "roberta-token-classification",
    "RobertaForTokenClassification",
    "RobertaConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_encoder(
    "roberta-question-answering", "RobertaForQuestionAnswering", "RobertaConfig", SMALL, SPAN, insensitive=SELF_KEY
)

# DistilBERT (a sequence classifier is in huggingface.py).
DISTILBERT = {
    "vocab_size": VOCABULARY,
    "dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "hidden_dim": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
}
DISTILBERT_KEY = {"*.attention.k_lin.bias": KEY_BIAS}
_encoder("distilbert-base", "DistilBertModel", "DistilBertConfig", DISTILBERT, STATES, insensitive=DISTILBERT_KEY)
_encoder(
    "distilbert-masked-lm", "DistilBertForMaskedLM", "DistilBertConfig", DISTILBERT, LOGITS, insensitive=DISTILBERT_KEY
)
_encoder(
    "distilbert-token-classification",
    "DistilBertForTokenClassification",
    "DistilBertConfig",
    dict(DISTILBERT, **LABELS),
    LOGITS,
    insensitive=DISTILBERT_KEY,
)
_encoder(
    "distilbert-question-answering",
    "DistilBertForQuestionAnswering",
    "DistilBertConfig",
    DISTILBERT,
    SPAN,
    insensitive=DISTILBERT_KEY,
)

# ALBERT: both layers share their weights; embeddings are narrower than the states.
ALBERT = dict(SMALL, embedding_size=16)
ALBERT_KEY = {"*.attention.key.bias": KEY_BIAS}
_pair_encoder("albert", "AlbertModel", "AlbertConfig", ALBERT, POOLED, tags={"core"}, insensitive=ALBERT_KEY)
_pair_encoder("albert-masked-lm", "AlbertForMaskedLM", "AlbertConfig", ALBERT, LOGITS, insensitive=ALBERT_KEY)
_pair_encoder(
    "albert-sequence-classification",
    "AlbertForSequenceClassification",
    "AlbertConfig",
    dict(ALBERT, **LABELS),
    LOGITS,
    insensitive=ALBERT_KEY,
)
_pair_encoder(
    "albert-token-classification",
    "AlbertForTokenClassification",
    "AlbertConfig",
    dict(ALBERT, **LABELS),
    LOGITS,
    insensitive=ALBERT_KEY,
)
_pair_encoder(
    "albert-question-answering", "AlbertForQuestionAnswering", "AlbertConfig", ALBERT, SPAN, insensitive=ALBERT_KEY
)

# ELECTRA: the discriminator (one score per token), the generator, and heads on top.
ELECTRA = dict(SMALL, embedding_size=16)
_pair_encoder("electra", "ElectraModel", "ElectraConfig", ELECTRA, STATES, insensitive=SELF_KEY)
_pair_encoder("electra-discriminator", "ElectraForPreTraining", "ElectraConfig", ELECTRA, LOGITS, insensitive=SELF_KEY)
_pair_encoder("electra-masked-lm", "ElectraForMaskedLM", "ElectraConfig", ELECTRA, LOGITS, insensitive=SELF_KEY)
_pair_encoder(
    "electra-sequence-classification",
    "ElectraForSequenceClassification",
    "ElectraConfig",
    dict(ELECTRA, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_pair_encoder(
    "electra-token-classification",
    "ElectraForTokenClassification",
    "ElectraConfig",
    dict(ELECTRA, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_pair_encoder(
    "electra-question-answering", "ElectraForQuestionAnswering", "ElectraConfig", ELECTRA, SPAN, insensitive=SELF_KEY
)

# DeBERTa and DeBERTa v2/v3 (settings of v3): attention to content and to relative position, gathered by index.
DEBERTA = dict(
    SMALL,
    relative_attention=True,
    max_relative_positions=-1,
    pos_att_type=["c2p", "p2c"],
    position_biased_input=False,
    type_vocab_size=0,
)
DEBERTA_V2 = dict(DEBERTA, share_att_key=True, norm_rel_ebd="layer_norm", position_buckets=8)
_encoder("deberta", "DebertaModel", "DebertaConfig", DEBERTA, STATES)
_encoder("deberta-v2", "DebertaV2Model", "DebertaV2Config", DEBERTA_V2, STATES, tags={"core"})
_encoder("deberta-v2-masked-lm", "DebertaV2ForMaskedLM", "DebertaV2Config", DEBERTA_V2, LOGITS)
_encoder(
    "deberta-v2-sequence-classification",
    "DebertaV2ForSequenceClassification",
    "DebertaV2Config",
    dict(DEBERTA_V2, **LABELS),
    LOGITS,
)
_encoder(
    "deberta-v2-token-classification",
    "DebertaV2ForTokenClassification",
    "DebertaV2Config",
    dict(DEBERTA_V2, **LABELS),
    LOGITS,
)
_encoder("deberta-v2-question-answering", "DebertaV2ForQuestionAnswering", "DebertaV2Config", DEBERTA_V2, SPAN)
# The xlarge checkpoints have a convolution beside the first layer.
_encoder(
    "deberta-v2-convolution",
    "DebertaV2Model",
    "DebertaV2Config",
    dict(DEBERTA_V2, conv_kernel_size=3, conv_act="gelu"),
    STATES,
)

# XLM-RoBERTa: RoBERTa under another name, with classes of its own.
_encoder("xlm-roberta", "XLMRobertaModel", "XLMRobertaConfig", SMALL, POOLED, insensitive=SELF_KEY)
_encoder("xlm-roberta-masked-lm", "XLMRobertaForMaskedLM", "XLMRobertaConfig", SMALL, LOGITS, insensitive=SELF_KEY)
_encoder(
    "xlm-roberta-sequence-classification",
    "XLMRobertaForSequenceClassification",
    "XLMRobertaConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_encoder(
    "xlm-roberta-token-classification",
    "XLMRobertaForTokenClassification",
    "XLMRobertaConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=SELF_KEY,
)
_encoder(
    "xlm-roberta-question-answering",
    "XLMRobertaForQuestionAnswering",
    "XLMRobertaConfig",
    SMALL,
    SPAN,
    insensitive=SELF_KEY,
)

# MPNet: relative position buckets added to the scores.
MPNET_KEY = {"*.attention.attn.k.bias": KEY_BIAS}
_encoder("mpnet", "MPNetModel", "MPNetConfig", SMALL, POOLED, insensitive=MPNET_KEY)
_encoder("mpnet-masked-lm", "MPNetForMaskedLM", "MPNetConfig", SMALL, LOGITS, insensitive=MPNET_KEY)
_encoder(
    "mpnet-sequence-classification",
    "MPNetForSequenceClassification",
    "MPNetConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=MPNET_KEY,
)
_encoder(
    "mpnet-token-classification",
    "MPNetForTokenClassification",
    "MPNetConfig",
    dict(SMALL, **LABELS),
    LOGITS,
    insensitive=MPNET_KEY,
)
_encoder("mpnet-question-answering", "MPNetForQuestionAnswering", "MPNetConfig", SMALL, SPAN, insensitive=MPNET_KEY)

# ModernBERT: rotary positions, windows of local attention between global layers, gated feed-forward, no biases. A
# window reaches farther than the padding: a row of nothing but padding is NaN in float64 (its softmax is in float32).
MODERNBERT = dict(
    SMALL,
    num_hidden_layers=3,
    global_attn_every_n_layers=2,
    local_attention=24,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    cls_token_id=1,
    sep_token_id=2,
    reference_compile=False,
)
HAS_MODERNBERT = {"transformers": ">=4.48"}
_encoder("modernbert", "ModernBertModel", "ModernBertConfig", MODERNBERT, STATES, HAS_MODERNBERT)
_encoder("modernbert-masked-lm", "ModernBertForMaskedLM", "ModernBertConfig", MODERNBERT, LOGITS, HAS_MODERNBERT)
_encoder(
    "modernbert-sequence-classification",
    "ModernBertForSequenceClassification",
    "ModernBertConfig",
    dict(MODERNBERT, **LABELS),
    LOGITS,
    HAS_MODERNBERT,
)

# The other families, once each.
_encoder("bert-generation", "BertGenerationEncoder", "BertGenerationConfig", SMALL, STATES, insensitive=SELF_KEY)
# Block-sparse attention falls back to this one below 704 tokens.
_encoder(
    "big-bird",
    "BigBirdModel",
    "BigBirdConfig",
    dict(SMALL, attention_type="original_full"),
    POOLED,
    insensitive=SELF_KEY,
)
_encoder("camembert", "CamembertModel", "CamembertConfig", SMALL, POOLED, insensitive=SELF_KEY)
# A convolution whose kernel is computed from the text, by unfolding.
_encoder(
    "convbert",
    "ConvBertModel",
    "ConvBertConfig",
    dict(SMALL, embedding_size=16, conv_kernel_size=5),
    STATES,
    insensitive=SELF_KEY,
)
_encoder(
    "data2vec-text",
    "Data2VecTextModel",
    "Data2VecTextConfig",
    SMALL,
    POOLED,
    {"transformers": ">=4.17"},
    insensitive=SELF_KEY,
)
_pair_encoder("ernie", "ErnieModel", "ErnieConfig", SMALL, POOLED, {"transformers": ">=4.22"}, insensitive=SELF_KEY)
# Sines and cosines made for the position at hand, a language embedding that is not used.
XLM = {
    "vocab_size": VOCABULARY,
    "emb_dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": 40,
    "embed_init_std": 0.5,
    "init_std": 0.2,
}
XLM_KEY = {"*.k_lin.bias": KEY_BIAS}
_encoder("flaubert", "FlaubertModel", "FlaubertConfig", XLM, STATES, insensitive=XLM_KEY)
_encoder("xlm", "XLMModel", "XLMConfig", XLM, STATES, insensitive=XLM_KEY)
# The states are pooled to half the length and brought back to the full one.
FUNNEL = {
    "vocab_size": VOCABULARY,
    "block_sizes": [1, 1],
    "num_decoder_layers": 1,
    "d_model": 32,
    "n_head": 4,
    "d_head": 8,
    "d_inner": 64,
    "initializer_range": 0.5,
    "initializer_std": 0.2,
}
FUNNEL_KEY = {"*.attention.k_head.bias": KEY_BIAS}
_pair_encoder("funnel", "FunnelModel", "FunnelConfig", FUNNEL, STATES, insensitive=FUNNEL_KEY)
_pair_encoder("funnel-base", "FunnelBaseModel", "FunnelConfig", FUNNEL, STATES, insensitive=FUNNEL_KEY)
# As it is before it is quantized.
_encoder(
    "ibert",
    "IBertModel",
    "IBertConfig",
    SMALL,
    POOLED,
    insensitive={
        "*.attention.self.key.bias": KEY_BIAS,
        "*_integer": "holds the quantized weight, of which there is none yet",
        "*_scaling_factor": "holds a scale of the quantized weights, of which there is none yet",
    },
)
_pair_encoder(
    "megatron-bert",
    "MegatronBertModel",
    "MegatronBertConfig",
    SMALL,
    POOLED,
    {"transformers": ">=4.6"},
    insensitive=SELF_KEY,
)
# Trigrams of embeddings, bottlenecks around thin layers, no LayerNorm.
_pair_encoder(
    "mobilebert",
    "MobileBertModel",
    "MobileBertConfig",
    dict(SMALL, embedding_size=16, intra_bottleneck_size=16, num_feedforward_networks=2),
    POOLED,
    insensitive=SELF_KEY,
)
_encoder(
    "rembert",
    "RemBertModel",
    "RemBertConfig",
    dict(SMALL, input_embedding_size=16, output_embedding_size=48),
    POOLED,
    {"transformers": ">=4.10"},
    insensitive=SELF_KEY,
)
_encoder(
    "roberta-prelayernorm",
    "RobertaPreLayerNormModel",
    "RobertaPreLayerNormConfig",
    SMALL,
    POOLED,
    {"transformers": ">=4.26"},
    insensitive=SELF_KEY,
)
# Rotary positions, by even and odd channels.
_pair_encoder("roformer", "RoFormerModel", "RoFormerConfig", SMALL, STATES, {"transformers": ">=4.7"})
_pair_encoder(
    "splinter",
    "SplinterModel",
    "SplinterConfig",
    SMALL,
    STATES,
    {"transformers": ">=4.10"},
    insensitive=SELF_KEY,
)
# Every linear layer is a grouped convolution of width one.
_pair_encoder(
    "squeezebert",
    "SqueezeBertModel",
    "SqueezeBertConfig",
    dict(SMALL, embedding_size=32),
    POOLED,
    insensitive={"*.attention.key.bias": KEY_BIAS},
)
_encoder(
    "xlm-roberta-xl",
    "XLMRobertaXLModel",
    "XLMRobertaXLConfig",
    SMALL,
    POOLED,
    {"transformers": ">=4.17"},
    insensitive=SELF_KEY,
)
# Relative positions by a shift: pad, reshape and slice.
XLNET = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "n_layer": 2,
    "n_head": 4,
    "d_inner": 64,
    "initializer_range": 0.2,
    "use_mems_eval": False,
}
_pair_encoder(
    "xlnet",
    "XLNetModel",
    "XLNetConfig",
    XLNET,
    STATES,
    insensitive={"network.mask_emb": "stands for tokens to predict, and only a target_mapping names such tokens"},
)
# An adapter per language, chosen row by row.
_encoder(
    "xmod",
    "XmodModel",
    "XmodConfig",
    dict(SMALL, languages=["en_XX"], default_language="en_XX"),
    POOLED,
    {"transformers": ">=4.27"},
    insensitive=SELF_KEY,
)


def _unmasked_encoder(name, model, configuration, settings, fields, requires, insensitive=None, sizes=(16, 7, 24)):
    """input_ids and token_type_ids in: a family that takes no mask, or makes nothing of it."""
    length = "sequence" if len(sizes) > 1 else sizes[0]

    @case(
        "huggingface/" + name,
        inputs=[
            integers("batch", length, high=VOCABULARY, name="input_ids"),
            integers("batch", length, high=2, name="token_type_ids"),
        ],
        outputs=fields,
        axes={"sequence": sizes} if len(sizes) > 1 else None,
        requires=requires,
        tags={"encoder"},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Encoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, token_type_ids):
                answer = self.network(input_ids=input_ids, token_type_ids=token_type_ids, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Encoder(_network(model, configuration, settings)).eval()


# A Fourier transform over tokens and channels in the place of attention.
FNET = {name: value for name, value in SMALL.items() if name != "num_attention_heads"}
_unmasked_encoder("fnet", "FNetModel", "FNetConfig", FNET, POOLED, {"transformers": ">=4.11"})
# Attention by the expected number of equal hashes: powers of arc cosines instead of a softmax.
_unmasked_encoder("yoso", "YosoModel", "YosoConfig", dict(SMALL, type_vocab_size=2), STATES, {"transformers": ">=4.16"})


# Attention through landmarks, with an iterated pseudo-inverse; the length is part of the configuration.
_unmasked_encoder(
    "nystromformer",
    "NystromformerModel",
    "NystromformerConfig",
    dict(SMALL, num_landmarks=4, segment_means_seq_len=16, conv_kernel_size=5),
    STATES,
    {"transformers": ">=4.16"},
    insensitive=SELF_KEY,
    sizes=(16,),
)


@case(
    "huggingface/canine",
    inputs=[TOKENS, ATTENTION_MASK, TOKEN_TYPES],
    outputs=POOLED,
    axes=SEQUENCE,
    requires={"transformers": ">=4.9"},
    tags={"encoder"},
    insensitive=SELF_KEY,
)
def canine():
    """Characters hashed into several tables, attention over a quarter of the positions.

    The mask is made additive in the dtype of the states: the model's own is in float32 always, so that its lowest
    number overflows in a float64 run.
    """
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids):
            answer = self.network(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, return_dict=True
            )
            return answer.last_hidden_state, answer.pooler_output

    def additive(module, arguments):
        states, others, kept = arguments[:3]
        if kept.dim() == 3:  # ones and zeros; with four dimensions it is additive already
            kept = (1.0 - kept.unsqueeze(1).to(states.dtype)) * -10000.0
        return (states, others, kept, *arguments[3:])

    settings = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.2,
        "num_hash_functions": 4,
        "num_hash_buckets": 32,
    }
    network = _network("CanineModel", "CanineConfig", settings)
    for module in network.modules():
        if type(module).__name__ == "CanineSelfAttention":
            module.register_forward_pre_hook(additive)
    return Encoder(network).eval()


@case(
    "huggingface/esm",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    requires={"transformers": ">=4.24"},
    tags={"encoder"},
    insensitive={"*.contact_head.regression.*": "the contacts between residues are not asked for"},
)
def esm():
    """A protein's language model: rotary positions, embeddings scaled by the share of masked tokens in the row."""
    import torch

    class LanguageModel(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            for module in self.network.modules():
                if hasattr(module, "_seq_len_cached"):
                    vars(module)["_seq_len_cached"] = None  # else the table of the call before becomes a constant
            return self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True).logits

    settings = dict(SMALL, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary", token_dropout=True)
    network = _network("EsmForMaskedLM", "EsmConfig", settings)
    network.esm.embeddings.position_embeddings = None  # older versions make them for rotary positions, too
    return LanguageModel(network).eval()


@case(
    "huggingface/bert-multiple-choice",
    inputs=[
        integers("batch", "choices", "sequence", high=VOCABULARY, name="input_ids"),
        mask("batch", "choices", "sequence", name="attention_mask"),
    ],
    outputs=[ranking("logits")],
    axes={"choices": (4, 2), "sequence": (16, 7, 24)},
    tags={"encoder"},
    insensitive=SELF_KEY,
)
def bert_multiple_choice():
    """Choices folded into the batch and scores unfolded again, both sizes free."""
    import torch

    class Chooser(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            return self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True).logits

    return Chooser(_network("BertForMultipleChoice", "BertConfig", SMALL)).eval()


def _sentence_encoder(name, model, configuration, settings, insensitive, tags=()):
    """Sentence embeddings: the mean of the states that the mask keeps, scaled to length one."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=["sentence_embedding"],
        axes=SEQUENCE,
        tags={"encoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Sentences(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                kept = attention_mask.unsqueeze(-1).expand(answer[0].size()).to(answer[0].dtype)
                mean = torch.sum(answer[0] * kept, 1) / torch.clamp(kept.sum(1), min=1e-9)
                return torch.nn.functional.normalize(mean, p=2, dim=1)

        network = _network(model, configuration, settings)
        network.pooler = None
        return Sentences(network).eval()


_sentence_encoder("bert-sentence-embedding", "BertModel", "BertConfig", SMALL, SELF_KEY, tags={"core"})
_sentence_encoder("mpnet-sentence-embedding", "MPNetModel", "MPNetConfig", SMALL, MPNET_KEY)


def _retriever(name, model, settings, fields):
    """Passage retrieval by DPR: the first token's state, with no use for the pooler that older versions make."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=fields,
        axes=SEQUENCE,
        tags={"encoder"},
        insensitive=SELF_KEY,
    )
    def build():
        import torch

        class Encoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        network = _network(model, "DPRConfig", settings)
        for module in network.modules():
            if getattr(module, "pooler", None) is not None:
                module.pooler = torch.nn.Identity()
        return Encoder(network).eval()


_retriever("dpr-context-encoder", "DPRContextEncoder", dict(SMALL, projection_dim=16), ["pooler_output"])
_retriever("dpr-question-encoder", "DPRQuestionEncoder", dict(SMALL, projection_dim=16), ["pooler_output"])
_retriever("dpr-reader", "DPRReader", SMALL, ["start_logits", "end_logits", "relevance_logits"])


@case(
    "huggingface/luke",
    inputs=[
        TOKENS,
        ATTENTION_MASK,
        integers("batch", "entities", high=24, name="entity_ids"),
        mask("batch", "entities", name="entity_attention_mask"),
        integers("batch", "entities", 6, low=-1, high=16, name="entity_position_ids"),
    ],
    outputs=["last_hidden_state", "entity_last_hidden_state", "pooler_output"],
    axes={"sequence": (16, 7, 24), "entities": (4, 2, 7)},
    requires={"transformers": ">=4.6"},
    tags={"encoder"},
)
def luke():
    """Words and entities in one attention, with a query for each pair of kinds; an entity's place is a mean."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, entity_ids, entity_attention_mask, entity_position_ids):
            answer = self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                entity_ids=entity_ids,
                entity_attention_mask=entity_attention_mask,
                entity_position_ids=entity_position_ids,
                return_dict=True,
            )
            return answer.last_hidden_state, answer.entity_last_hidden_state, answer.pooler_output

    settings = dict(SMALL, entity_vocab_size=24, entity_emb_size=16)
    return Encoder(_network("LukeModel", "LukeConfig", settings)).eval()


@case(
    "huggingface/longformer",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=POOLED,
    axes={"sequence": (16, 8, 32)},
    tags={"encoder"},
    insensitive={"*.attention.self.key.bias": KEY_BIAS, "*.attention.self.key_global.bias": KEY_BIAS},
)
def longformer():
    """Windows of local attention, as chunks that overlap; the first token sees all and is seen by all."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            everywhere = torch.zeros_like(attention_mask)
            first = torch.cat((torch.ones_like(everywhere[:, :1]), everywhere[:, 1:]), dim=1)
            answer = self.network(
                input_ids=input_ids, attention_mask=attention_mask, global_attention_mask=first, return_dict=True
            )
            return answer.last_hidden_state, answer.pooler_output

    settings = dict(SMALL, attention_window=[8, 8], max_position_embeddings=64)
    return Encoder(_network("LongformerModel", "LongformerConfig", settings)).eval()


@case(
    "huggingface/perceiver",
    inputs=[integers("batch", 24, high=VOCABULARY, name="inputs"), mask("batch", 24, name="attention_mask")],
    outputs=[ranking("logits")],
    requires={"transformers": ">=4.13"},
    tags={"encoder"},
    insensitive={"*attention.attention.self.key.bias": KEY_BIAS, "*self_attends.*.self.key.bias": KEY_BIAS},
)
def perceiver():
    """Bytes read into a few latents and back, so the length is fixed; the language model."""
    import torch

    class LanguageModel(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, inputs, attention_mask):
            return self.network(inputs=inputs, attention_mask=attention_mask, return_dict=True).logits

    settings = {
        "vocab_size": VOCABULARY,
        "num_latents": 8,
        "d_latents": 32,
        "d_model": 32,
        "num_blocks": 1,
        "num_self_attends_per_block": 2,
        "num_self_attention_heads": 4,
        "num_cross_attention_heads": 4,
        "max_position_embeddings": 24,
        "initializer_range": 0.2,
    }
    return LanguageModel(_network("PerceiverForMaskedLM", "PerceiverConfig", settings)).eval()


@case(
    "huggingface/roc-bert",
    inputs=[
        TOKENS,
        integers("batch", "sequence", high=48, name="input_shape_ids"),
        integers("batch", "sequence", high=48, name="input_pronunciation_ids"),
        ATTENTION_MASK,
    ],
    outputs=POOLED,
    axes=SEQUENCE,
    requires={"transformers": ">=4.25"},
    tags={"encoder"},
    insensitive=SELF_KEY,
)
def roc_bert():
    """Chinese characters with their glyphs and their sounds, embedded side by side."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, input_shape_ids, input_pronunciation_ids, attention_mask):
            answer = self.network(
                input_ids=input_ids,
                input_shape_ids=input_shape_ids,
                input_pronunciation_ids=input_pronunciation_ids,
                attention_mask=attention_mask,
                return_dict=True,
            )
            return answer.last_hidden_state, answer.pooler_output

    settings = dict(
        SMALL, pronunciation_embed_dim=16, pronunciation_vocab_size=48, shape_embed_dim=16, shape_vocab_size=48
    )
    return Encoder(_network("RoCBertModel", "RoCBertConfig", settings)).eval()


@case(
    "huggingface/tapas",
    inputs=[TOKENS, ATTENTION_MASK, integers("batch", "sequence", 7, high=2, name="token_type_ids")],
    outputs=POOLED,
    axes=SEQUENCE,
    requires={"transformers": ">=4.26"},
    tags={"encoder"},
    insensitive=SELF_KEY,
)
def tapas():
    """Tables: seven kinds of token types, positions counted anew in every cell by scatters.

    Before 4.26 it needs torch-scatter.
    """
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids):
            answer = self.network(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, return_dict=True
            )
            return answer.last_hidden_state, answer.pooler_output

    settings = dict(SMALL, type_vocab_sizes=[3, 16, 16, 2, 16, 16, 10])
    return Encoder(_network("TapasModel", "TapasConfig", settings)).eval()
