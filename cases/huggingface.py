"""Hugging Face transformers: tiny models made from a configuration, one or two layers deep and 32 wide.

`initializer_range` is ten times the default: at 0.02 and this width attention would be flat and the
output would not depend on half of the weights. The attention implementation is the version's own; where
that is scaled_dot_product_attention (transformers 4.36 and later), a case of its own asks for eager.
"""

from tfparity import case, integers, mask, normal, ranking

VOCABULARY = 96
TOKENS = integers("batch", "sequence", high=VOCABULARY, name="input_ids")
ATTENTION_MASK = mask("batch", "sequence", name="attention_mask")
SEQUENCE = {"sequence": (16, 7, 24)}
EAGER = {"attn_implementation": "eager"}
HAS_CHOICE = {"transformers": ">=4.36"}
KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"


@case(
    "huggingface/bert",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=["last_hidden_state", "pooler_output"],
    axes=SEQUENCE,
    tags={"encoder", "smoke"},
    insensitive={"*.attention.self.key.bias": KEY_BIAS},
)
def bert():
    """The encoder: LayerNorm, exact GELU, an attention mask; above opset 12 no released onnx-tf converts it.

    https://github.com/onnx/onnx-tensorflow/issues/997
    """
    return _bert()


@case(
    "huggingface/bert-eager",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=["last_hidden_state", "pooler_output"],
    axes=SEQUENCE,
    requires=HAS_CHOICE,
    tags={"encoder", "smoke"},
    insensitive={"*.attention.self.key.bias": KEY_BIAS},
)
def bert_eager():
    """The encoder with the attention that can be exported at opset 12."""
    return _bert(**EAGER)


def _bert(**attention):
    import torch
    from transformers import BertConfig, BertModel

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            states = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
            return states.last_hidden_state, states.pooler_output

    config = BertConfig(
        **attention,
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.2,
    )
    return Encoder(BertModel(config)).eval()


@case(
    "huggingface/distilbert",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    tags={"encoder"},
    insensitive={"*.attention.k_lin.bias": KEY_BIAS},
)
def distilbert():
    """A text classifier: the mask is expanded to the shape of the scores at run time."""
    return _distilbert()


@case(
    "huggingface/distilbert-eager",
    inputs=[TOKENS, ATTENTION_MASK],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    requires=HAS_CHOICE,
    tags={"encoder", "core"},
    insensitive={"*.attention.k_lin.bias": KEY_BIAS},
)
def distilbert_eager():
    """The text classifier with eager attention."""
    return _distilbert(**EAGER)


def _distilbert(**attention):
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    class Classifier(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            return self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True).logits

    config = DistilBertConfig(
        **attention,
        vocab_size=VOCABULARY,
        dim=32,
        n_layers=1,
        n_heads=4,
        hidden_dim=64,
        max_position_embeddings=32,
        initializer_range=0.2,
        num_labels=5,
    )
    return Classifier(DistilBertForSequenceClassification(config)).eval()


@case(
    "huggingface/gpt2",
    inputs=[TOKENS],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    tags={"decoder", "smoke"},
)
def gpt2():
    """The decoder: a causal mask made or sliced at run time, tanh GELU, tied embeddings; no cache."""
    return _gpt2()


@case(
    "huggingface/gpt2-eager",
    inputs=[TOKENS],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    requires=HAS_CHOICE,
    tags={"decoder"},
)
def gpt2_eager():
    """The decoder with eager attention: its mask is made another way, too."""
    return _gpt2(**EAGER)


def _gpt2(**attention):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    class LanguageModel(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids):
            return self.network(input_ids=input_ids, use_cache=False, return_dict=True).logits

    config = GPT2Config(
        **attention,
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=1,
        n_head=4,
        n_positions=32,
        n_ctx=32,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    return LanguageModel(GPT2LMHeadModel(config)).eval()


@case(
    "huggingface/t5",
    inputs=[TOKENS, integers("batch", "target", high=VOCABULARY, name="decoder_input_ids")],
    outputs=[ranking("logits"), "encoder_last_hidden_state"],
    axes={"sequence": (16, 7, 24), "target": (9, 4)},
    tags={"seq2seq", "smoke"},
)
def t5():
    """Sequence to sequence: relative position buckets, RMS norm, cross-attention between two lengths; no cache."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    class Translator(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, decoder_input_ids):
            states = self.network(
                input_ids=input_ids, decoder_input_ids=decoder_input_ids, use_cache=False, return_dict=True
            )
            return states.logits, states.encoder_last_hidden_state

    config = T5Config(
        vocab_size=VOCABULARY,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        use_cache=False,
    )
    return Translator(T5ForConditionalGeneration(config)).eval()


@case(
    "huggingface/vit",
    inputs=[normal("batch", 3, 32, 32, name="pixel_values")],
    outputs=[ranking("logits")],
    requires={"transformers": ">=4.6"},
    tags={"vision", "smoke"},
    insensitive={"*.attention*.k*.bias": KEY_BIAS},
)
def vit():
    """The vision transformer: patches by a strided convolution, a class token expanded to the batch."""
    return _vit()


@case(
    "huggingface/vit-eager",
    inputs=[normal("batch", 3, 32, 32, name="pixel_values")],
    outputs=[ranking("logits")],
    requires=HAS_CHOICE,
    tags={"vision", "smoke"},
    insensitive={"*.attention*.k*.bias": KEY_BIAS},
)
def vit_eager():
    """The vision transformer with eager attention."""
    return _vit(**EAGER)


def _vit(**attention):
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    class Classifier(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixel_values):
            return self.network(pixel_values=pixel_values, return_dict=True).logits

    config = ViTConfig(
        **attention,
        image_size=32,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=64,
        initializer_range=0.2,
        num_labels=10,
    )
    return Classifier(ViTForImageClassification(config)).eval()
