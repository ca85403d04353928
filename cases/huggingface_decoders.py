"""Hugging Face decoders: language models from GPT to the current ones, and the heads that people put on them.

Tiny configurations with random weights (see huggingface.py), eager attention where the version has a choice, no
cache but where a case says so. The mask is padding at the end of each row, as a tokenizer gives it.
"""

from tfparity import case, integers, mask, normal, ranking

VOCABULARY = 96
TOKENS = integers("batch", "sequence", high=VOCABULARY, name="input_ids")
ATTENTION_MASK = mask("batch", "sequence", name="attention_mask")
SEQUENCE = {"sequence": (16, 7, 24)}

STATES = ["last_hidden_state"]
LOGITS = ["logits"]
SPAN = ["start_logits", "end_logits"]
LABELS = {"num_labels": 5}

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"

# More than the padding at the end of a row, so that every token sees one, and less than the longest text.
WINDOW = 13

SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def _network(model, configuration, settings):
    """The model class of that name, in eval mode, with eager attention where transformers has a choice (from 4.36 on).

    Frequencies of rotary positions are no weights: where a version keeps them in the state dict, the tables that are
    used have been made of them already.
    """
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    eager = {"attn_implementation": "eager"} if version >= (4, 36) else {}
    network = getattr(transformers, model)(getattr(transformers, configuration)(**dict(settings, **eager))).eval()
    for module in network.modules():
        if "inv_freq" in dict(module.named_buffers(recurse=False)):
            module.register_buffer("inv_freq", module.inv_freq, persistent=False)
    return network


def _decoder(name, model, configuration, settings, fields=LOGITS, requires=None, tags=(), insensitive=None):
    """input_ids and attention_mask in, the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SEQUENCE,
        requires=requires,
        tags={"decoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Decoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Decoder(_network(model, configuration, dict(settings, use_cache=False))).eval()


def _recurrent(name, model, configuration, settings, requires=None, tags=(), insensitive=None):
    """A state that is carried from token to token by a loop over the text, so the length is that of the export."""

    @case(
        "huggingface/" + name,
        inputs=[integers("batch", 12, high=VOCABULARY, name="input_ids")],
        outputs=[ranking("logits")],
        requires=requires,
        tags={"decoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Decoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids):
                return self.network(input_ids=input_ids, return_dict=True).logits

        network = _network(model, configuration, dict(settings, use_cache=False))
        for module in network.modules():
            if isinstance(module, torch.nn.Linear):  # some versions leave these to torch, too faint for 32 channels
                torch.nn.init.normal_(module.weight, std=0.3)
        return Decoder(network).eval()


# GPT-2 (language models without a mask are in huggingface.py).
GPT2 = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 40,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_decoder("gpt2-base", "GPT2Model", "GPT2Config", GPT2, STATES)
_decoder("gpt2-padded", "GPT2LMHeadModel", "GPT2Config", GPT2, tags={"core"})
_decoder("gpt2-sequence-classification", "GPT2ForSequenceClassification", "GPT2Config", dict(GPT2, **LABELS))
_decoder(
    "gpt2-token-classification",
    "GPT2ForTokenClassification",
    "GPT2Config",
    dict(GPT2, **LABELS),
    requires={"transformers": ">=4.9"},
)

# The line of GPT: sines and cosines, learned positions, rotary positions, one key for all heads.
_decoder("ctrl", "CTRLLMHeadModel", "CTRLConfig", dict(GPT2, dff=64), insensitive={"*.Wk.bias": KEY_BIAS})
_decoder("openai-gpt", "OpenAIGPTLMHeadModel", "OpenAIGPTConfig", GPT2)
_decoder("gptj", "GPTJForCausalLM", "GPTJConfig", dict(GPT2, rotary_dim=4), requires={"transformers": ">=4.11"})
_decoder(
    "codegen", "CodeGenForCausalLM", "CodeGenConfig", dict(GPT2, rotary_dim=4), requires={"transformers": ">=4.21"}
)
_decoder("gpt-bigcode", "GPTBigCodeForCausalLM", "GPTBigCodeConfig", GPT2, requires={"transformers": ">=4.28"})
# A layer of global attention and one of local.
_decoder(
    "gpt-neo",
    "GPTNeoForCausalLM",
    "GPTNeoConfig",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_layers=2,
        attention_types=[[["global", "local"], 1]],
        num_heads=4,
        intermediate_size=64,
        window_size=WINDOW,
        max_position_embeddings=40,
        initializer_range=0.2,
    ),
)

# What the current families share.
ROTARY = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    intermediate_size=64,
    max_position_embeddings=40,
    initializer_range=0.2,
)
_decoder("gpt-neox", "GPTNeoXForCausalLM", "GPTNeoXConfig", ROTARY, requires={"transformers": ">=4.20"})
_decoder(
    "gpt-neox-japanese",
    "GPTNeoXJapaneseForCausalLM",
    "GPTNeoXJapaneseConfig",
    dict(ROTARY, intermediate_multiple_size=2),
    requires={"transformers": ">=4.23"},
)

# LLaMA: RMS norm, rotary positions, a gated feed-forward, two heads to a key.
HAS_LLAMA = {"transformers": ">=4.28"}
_decoder("llama", "LlamaForCausalLM", "LlamaConfig", ROTARY, requires=HAS_LLAMA, tags={"core"})
_decoder("llama-base", "LlamaModel", "LlamaConfig", ROTARY, STATES, requires=HAS_LLAMA)
_decoder(
    "llama-sequence-classification",
    "LlamaForSequenceClassification",
    "LlamaConfig",
    dict(ROTARY, **LABELS),
    requires=HAS_LLAMA,
)
_decoder(
    "llama-token-classification",
    "LlamaForTokenClassification",
    "LlamaConfig",
    dict(ROTARY, **LABELS),
    requires={"transformers": ">=4.42"},
)
# Frequencies stretched as from Llama 3.1 on.
_decoder(
    "llama-scaled-positions",
    "LlamaForCausalLM",
    "LlamaConfig",
    dict(
        ROTARY,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    ),
    requires={"transformers": ">=4.43"},
)

# Its relatives: windows of attention, biases, norms of queries and keys, capped logits, parallel branches.
_decoder(
    "mistral",
    "MistralForCausalLM",
    "MistralConfig",
    dict(ROTARY, sliding_window=WINDOW),
    requires={"transformers": ">=4.34"},
)
_decoder("qwen2", "Qwen2ForCausalLM", "Qwen2Config", ROTARY, requires={"transformers": ">=4.37"}, tags={"core"})
_decoder(
    "qwen2-sequence-classification",
    "Qwen2ForSequenceClassification",
    "Qwen2Config",
    dict(ROTARY, **LABELS),
    requires={"transformers": ">=4.37"},
)
_decoder(
    "qwen3",
    "Qwen3ForCausalLM",
    "Qwen3Config",
    dict(ROTARY, head_dim=8),
    requires={"transformers": ">=4.51"},
)
_decoder("gemma", "GemmaForCausalLM", "GemmaConfig", dict(ROTARY, head_dim=8), requires={"transformers": ">=4.38"})
_decoder(
    "gemma2",
    "Gemma2ForCausalLM",
    "Gemma2Config",
    dict(ROTARY, head_dim=8, query_pre_attn_scalar=8, sliding_window=WINDOW),
    requires={"transformers": ">=4.42"},
)
_decoder(
    "gemma3",
    "Gemma3ForCausalLM",
    "Gemma3TextConfig",
    dict(
        ROTARY,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"],
    ),
    requires={"transformers": ">=4.50"},
)
_decoder("phi", "PhiForCausalLM", "PhiConfig", ROTARY, requires={"transformers": ">=4.36"})
_decoder("phi3", "Phi3ForCausalLM", "Phi3Config", ROTARY, requires={"transformers": ">=4.41"})
_decoder(
    "stablelm",
    "StableLmForCausalLM",
    "StableLmConfig",
    dict(ROTARY, partial_rotary_factor=0.5),
    requires={"transformers": ">=4.38"},
)
_decoder("starcoder2", "Starcoder2ForCausalLM", "Starcoder2Config", ROTARY, requires={"transformers": ">=4.39"})
_decoder("olmo", "OlmoForCausalLM", "OlmoConfig", dict(ROTARY, clip_qkv=8.0), requires={"transformers": ">=4.40"})
_decoder("olmo2", "Olmo2ForCausalLM", "Olmo2Config", ROTARY, requires={"transformers": ">=4.47"})
_decoder("cohere", "CohereForCausalLM", "CohereConfig", ROTARY, requires={"transformers": ">=4.39"})
_decoder(
    "cohere2",
    "Cohere2ForCausalLM",
    "Cohere2Config",
    dict(ROTARY, sliding_window=WINDOW, logit_scale=1.0, layer_types=["sliding_attention", "full_attention"]),
    requires={"transformers": ">=4.48"},
)
_decoder("granite", "GraniteForCausalLM", "GraniteConfig", ROTARY, requires={"transformers": ">=4.45"})
_decoder("glm", "GlmForCausalLM", "GlmConfig", dict(ROTARY, head_dim=8), requires={"transformers": ">=4.46"})
_decoder("nemotron", "NemotronForCausalLM", "NemotronConfig", ROTARY, requires={"transformers": ">=4.44"})
_decoder("persimmon", "PersimmonForCausalLM", "PersimmonConfig", ROTARY, requires={"transformers": ">=4.34"})
_decoder("helium", "HeliumForCausalLM", "HeliumConfig", dict(ROTARY, head_dim=8), requires={"transformers": ">=4.49"})
_decoder(
    "smollm3",
    "SmolLM3ForCausalLM",
    "SmolLM3Config",
    dict(ROTARY, no_rope_layers=[1, 0]),
    requires={"transformers": ">=4.53"},
)
# A mixture of experts: each token goes to two of four; which experts a trace holds depends on the example.
_decoder(
    "mixtral",
    "MixtralForCausalLM",
    "MixtralConfig",
    dict(ROTARY, num_local_experts=4, sliding_window=None),
    requires={"transformers": ">=4.36"},
)
_decoder(
    "qwen2-moe",
    "Qwen2MoeForCausalLM",
    "Qwen2MoeConfig",
    dict(
        ROTARY,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        shared_expert_intermediate_size=32,
    ),
    requires={"transformers": ">=4.40"},
)

# Positions by a bias on the scores (ALiBi), which follows the distance.
_decoder(
    "bloom",
    "BloomForCausalLM",
    "BloomConfig",
    dict(SPECIAL, vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.2),
    requires={"transformers": ">=4.20"},
)
_decoder(
    "mpt",
    "MptForCausalLM",
    "MptConfig",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        d_model=32,
        n_layers=2,
        n_heads=4,
        expansion_ratio=2,
        max_seq_len=40,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.32"},
)
FALCON = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    initializer_range=0.2,
)
_decoder("falcon", "FalconForCausalLM", "FalconConfig", FALCON, requires={"transformers": ">=4.31"})
_decoder(
    "falcon-alibi",
    "FalconForCausalLM",
    "FalconConfig",
    dict(FALCON, alibi=True, multi_query=False, parallel_attn=False, bias=True),
    requires={"transformers": ">=4.31"},
)

# OPT: learned positions counted from the mask.
OPT = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    hidden_size=32,
    word_embed_proj_dim=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    ffn_dim=64,
    max_position_embeddings=40,
    init_std=0.2,
)
OPT_KEY = {"*.self_attn.k_proj.bias": KEY_BIAS}
HAS_OPT = {"transformers": ">=4.19"}
_decoder("opt", "OPTForCausalLM", "OPTConfig", OPT, requires=HAS_OPT, insensitive=OPT_KEY)
_decoder("opt-base", "OPTModel", "OPTConfig", OPT, STATES, requires=HAS_OPT, insensitive=OPT_KEY)
_decoder(
    "opt-sequence-classification",
    "OPTForSequenceClassification",
    "OPTConfig",
    dict(OPT, **LABELS),
    requires={"transformers": ">=4.21"},
    insensitive=OPT_KEY,
)
_decoder(
    "opt-question-answering",
    "OPTForQuestionAnswering",
    "OPTConfig",
    OPT,
    SPAN,
    requires={"transformers": ">=4.23"},
    insensitive=OPT_KEY,
)
# The 350m checkpoint: narrower embeddings, and the norm after the layer.
_decoder(
    "opt-projected",
    "OPTForCausalLM",
    "OPTConfig",
    dict(OPT, word_embed_proj_dim=16, do_layer_norm_before=False),
    requires=HAS_OPT,
    insensitive=OPT_KEY,
)
_decoder(
    "xglm",
    "XGLMForCausalLM",
    "XGLMConfig",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        d_model=32,
        num_layers=2,
        attention_heads=4,
        ffn_dim=64,
        max_position_embeddings=40,
        init_std=0.2,
    ),
    requires={"transformers": ">=4.17"},
    insensitive=OPT_KEY,
)
_decoder(
    "biogpt",
    "BioGptForCausalLM",
    "BioGptConfig",
    dict(ROTARY, num_key_value_heads=None),
    requires={"transformers": ">=4.25"},
    insensitive=OPT_KEY,
)
# Encoders turned into decoders.
BERT = dict(
    SPECIAL,
    vocab_size=VOCABULARY,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=40,
    initializer_range=0.2,
    is_decoder=True,
)
_decoder("bert-causal-lm", "BertLMHeadModel", "BertConfig", BERT, insensitive={"*.attention.self.key.bias": KEY_BIAS})


def _own_mask(name, model, configuration, settings, tags=()):
    """The causal mask is made outside, with four dimensions, and the model takes it as it is: from 4.53 on its own way
    of making one (vmap) cannot be traced, which ends in "unordered_map::at"."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=[ranking("logits")],
        axes=SEQUENCE,
        requires={"transformers": ">=4.53"},
        tags={"decoder", *tags},
    )
    def build():
        import torch

        class Decoder(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                places = torch.arange(input_ids.shape[1], device=input_ids.device)
                seen = (places.unsqueeze(0) <= places.unsqueeze(1)) & (attention_mask[:, None, None, :] > 0)
                hidden = torch.zeros_like(seen, dtype=self.network.dtype).masked_fill(~seen, -10000.0)
                return self.network(input_ids=input_ids, attention_mask=hidden, return_dict=True).logits

        return Decoder(_network(model, configuration, dict(settings, use_cache=False))).eval()


_own_mask("gpt2-own-mask", "GPT2LMHeadModel", "GPT2Config", GPT2)
_own_mask("llama-own-mask", "LlamaForCausalLM", "LlamaConfig", ROTARY, tags={"core"})
_own_mask("mistral-own-mask", "MistralForCausalLM", "MistralConfig", dict(ROTARY, sliding_window=None))
_own_mask("qwen2-own-mask", "Qwen2ForCausalLM", "Qwen2Config", ROTARY)
_own_mask("qwen3-own-mask", "Qwen3ForCausalLM", "Qwen3Config", dict(ROTARY, head_dim=8))
_own_mask("gemma-own-mask", "GemmaForCausalLM", "GemmaConfig", dict(ROTARY, head_dim=8))
_own_mask("phi3-own-mask", "Phi3ForCausalLM", "Phi3Config", ROTARY)


@case(
    "huggingface/gpt2-cache",
    inputs=[
        integers("batch", 1, high=VOCABULARY, name="input_ids"),
        normal("batch", 4, "past", 8, name="past_key"),
        normal("batch", 4, "past", 8, name="past_value"),
    ],
    outputs=[ranking("logits"), "present_key", "present_value"],
    axes={"past": (11, 4, 20)},
    requires={"transformers": "<5"},
    tags={"decoder"},
)
def gpt2_cache():
    """One step of generation: the keys and values of one layer come in and go out one token longer."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, past_key, past_value):
            answer = self.network(
                input_ids=input_ids, past_key_values=((past_key, past_value),), use_cache=True, return_dict=True
            )
            present = answer.past_key_values[0]
            return answer.logits, present[0], present[1]

    return Step(_network("GPT2LMHeadModel", "GPT2Config", dict(GPT2, n_layer=1))).eval()


# State-space and recurrent models.
_recurrent(
    "mamba",
    "MambaForCausalLM",
    "MambaConfig",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        hidden_size=32,
        state_size=4,
        num_hidden_layers=2,
        initializer_range=0.2,
        time_step_min=0.2,
        time_step_max=1.0,
    ),
    requires={"transformers": ">=4.39"},
)
_recurrent(
    "mamba2",
    "Mamba2ForCausalLM",
    "Mamba2Config",
    dict(
        SPECIAL,
        vocab_size=VOCABULARY,
        hidden_size=32,
        state_size=8,
        num_hidden_layers=2,
        num_heads=8,
        head_dim=8,
        n_groups=2,
        chunk_size=4,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.44"},
)
_recurrent(
    "rwkv",
    "RwkvForCausalLM",
    "RwkvConfig",
    dict(SPECIAL, vocab_size=VOCABULARY, hidden_size=32, attention_hidden_size=32, num_hidden_layers=2),
    requires={"transformers": ">=4.29"},
)


@case(
    "huggingface/transfo-xl",
    inputs=[TOKENS],
    outputs=["last_hidden_state"],
    axes=SEQUENCE,
    requires={"transformers": "<4.38"},
    tags={"decoder"},
)
def transfo_xl():
    """Transformer-XL: embeddings of two widths by frequency of the word, relative positions by a shift, a memory.

    Later versions fail in every call, by a type_as() without its tensor.
    """
    import torch

    class Decoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids):
            return self.network(input_ids=input_ids, return_dict=True).last_hidden_state

    settings = {
        "vocab_size": VOCABULARY,
        "cutoffs": [24, 48],
        "div_val": 2,
        "d_model": 32,
        "d_embed": 32,
        "n_head": 4,
        "d_head": 8,
        "d_inner": 64,
        "n_layer": 2,
        "mem_len": 4,
        "clamp_len": 32,
        "init_std": 0.2,
        "proj_init_std": 0.2,
        "pad_token_id": 0,
        "eos_token_id": 0,
    }
    return Decoder(_network("TransfoXLModel", "TransfoXLConfig", settings)).eval()


@case(
    "huggingface/xlnet-lm",
    inputs=[TOKENS, ATTENTION_MASK, integers("batch", "sequence", high=2, name="token_type_ids")],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    tags={"decoder"},
    insensitive={"*.mask_emb": "stands for tokens to predict, and only a target_mapping names such tokens"},
)
def xlnet_lm():
    """XLNet's language model."""
    import torch

    class LanguageModel(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.network(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, return_dict=True
            ).logits

    settings = {
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "n_layer": 2,
        "n_head": 4,
        "d_inner": 64,
        "initializer_range": 0.2,
        "use_mems_eval": False,
    }
    return LanguageModel(_network("XLNetLMHeadModel", "XLNetConfig", settings)).eval()
