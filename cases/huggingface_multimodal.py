"""Hugging Face models of text and images, documents, sound: two towers, fusions, captions, detection by words.

Tiny configurations with random weights, eager attention where the version has a choice. The matrices are drawn anew:
most of these families start training from weights that answer too faintly to tell right from wrong.
"""

from tfparity import case, integers, mask, normal, ranking

VOCABULARY = 96
TOKENS = integers("batch", "sequence", high=VOCABULARY, name="input_ids")
ATTENTION_MASK = mask("batch", "sequence", name="attention_mask")
TOKEN_TYPES = integers("batch", "sequence", high=2, name="token_type_ids")
PIXELS = normal("batch", 3, 32, 32, name="pixel_values")
SEQUENCE = {"sequence": (16, 7, 24)}
LABELS = {"num_labels": 5}

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"
PROJECTED_KEY = {"*.k_proj.bias": KEY_BIAS}
SELF_KEY = {"*.self.key.bias": KEY_BIAS}
BOTH_KEYS = dict(PROJECTED_KEY, **SELF_KEY)


def _eager():
    """The argument of a configuration that asks for eager attention, where transformers has a choice (from 4.36 on)."""
    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    return {"attn_implementation": "eager"} if version >= (4, 36) else {}


def _drawn(network):
    """`network` in eval mode, every matrix drawn from N(0, 1 / inputs), tables of embeddings from N(0, 0.2), and biases
    that start close to zero from N(0, 0.1), which is what the harness does to those at zero."""
    import torch

    tables = {id(module.weight) for module in network.modules() if isinstance(module, torch.nn.Embedding)}
    for _, parameter in sorted(network.named_parameters()):
        if parameter.dim() > 1:
            table = id(parameter) in tables or parameter.shape[0] == 1
            torch.nn.init.normal_(parameter, std=0.2 if table else parameter[0].numel() ** -0.5)
        elif parameter.numel() > 1 and 0 < float(parameter.abs().max()) < 1e-3:
            torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def _network(model, configuration, settings):
    """The model class of that name; every dictionary inside the settings is a configuration that is asked for eager
    attention as well."""
    import transformers

    def eager(given):
        return {
            name: dict(eager(value), **_eager()) if isinstance(value, dict) else value for name, value in given.items()
        }

    given = dict(eager(settings), **_eager())
    return _drawn(getattr(transformers, model)(getattr(transformers, configuration)(**given)))


# What the towers share.
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
TOWERS = {
    "text_config": dict(TEXT, projection_dim=16),
    "vision_config": dict(VISION, projection_dim=16),
    "projection_dim": 16,
}


def _two_towers(name, model, configuration, settings, requires, tags=(), insensitive=None, sizes=(16, 7, 24), end=None):
    """Texts and images in, as many of each as one likes; how well each image fits each text, and both embeddings.
    end: the token that the wrapper puts last, where the text is read at the first of that kind."""
    length = "sequence" if len(sizes) > 1 else sizes[0]
    axes = {"texts": (3, 1, 4)}
    if len(sizes) > 1:
        axes["sequence"] = sizes

    @case(
        "huggingface/" + name,
        inputs=[
            integers("texts", length, high=VOCABULARY, name="input_ids"),
            PIXELS,
            mask("texts", length, name="attention_mask"),
        ],
        outputs=["logits_per_image", "text_embeds", "image_embeds"],
        axes=axes,
        requires=requires,
        tags={"multimodal", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Towers(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, pixel_values, attention_mask):
                if end is not None:
                    input_ids = torch.cat((input_ids[:, :-1], torch.full_like(input_ids[:, :1], end)), dim=1)
                answer = self.network(
                    input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask, return_dict=True
                )
                return answer.logits_per_image, answer.text_embeds, answer.image_embeds

        return Towers(_network(model, configuration, settings)).eval()


def _image(name, model, configuration, settings, fields, requires, tags=(), insensitive=None):
    """pixel_values in, the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[PIXELS],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        requires=requires,
        tags={"multimodal", "vision", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Vision(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, pixel_values):
                answer = self.network(pixel_values=pixel_values, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Vision(_network(model, configuration, settings)).eval()


def _text(name, model, configuration, settings, fields, requires, tags=(), insensitive=None):
    """input_ids and attention_mask in, the named fields of the answer out."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK],
        outputs=fields,
        axes=SEQUENCE,
        requires=requires,
        tags={"multimodal", "encoder", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Text(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask):
                answer = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        return Text(_network(model, configuration, settings)).eval()


def _text_and_image(name, model, configuration, settings, fields, requires, tags=(), insensitive=None, end=None):
    """input_ids, attention_mask and pixel_values of one image per text in, the named fields of the answer out.
    end: see _two_towers."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, ATTENTION_MASK, PIXELS],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SEQUENCE,
        requires=requires,
        tags={"multimodal", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Fusion(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, attention_mask, pixel_values):
                if end is not None:
                    input_ids = torch.cat((input_ids[:, :-1], torch.full_like(input_ids[:, :1], end)), dim=1)
                answer = self.network(
                    input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values, return_dict=True
                )
                return tuple(getattr(answer, field) for field in fields)

        return Fusion(_network(model, configuration, settings)).eval()


# CLIP: a causal text encoder that is read where the text ends, a vision transformer, the cosines of both.
_two_towers("clip", "CLIPModel", "CLIPConfig", TOWERS, {"transformers": ">=4.6"}, insensitive=PROJECTED_KEY)
_text(
    "clip-text",
    "CLIPTextModelWithProjection",
    "CLIPTextConfig",
    TOWERS["text_config"],
    ["text_embeds", "last_hidden_state"],
    {"transformers": ">=4.25"},
    insensitive=PROJECTED_KEY,
)
_image(
    "clip-vision",
    "CLIPVisionModelWithProjection",
    "CLIPVisionConfig",
    TOWERS["vision_config"],
    ["image_embeds", "last_hidden_state"],
    {"transformers": ">=4.25"},
    insensitive=PROJECTED_KEY,
)
_image(
    "clip-image-classification",
    "CLIPForImageClassification",
    "CLIPConfig",
    dict(TOWERS, num_labels=10),
    ["logits"],
    {"transformers": ">=4.38"},
    insensitive=dict(PROJECTED_KEY, **{"*.post_layernorm.*": "the mean of the patches is read before it"}),
)
# SigLIP: a pooling head with attention and a query of its own, sigmoids instead of a softmax, no mask.
_image(
    "siglip-vision",
    "SiglipVisionModel",
    "SiglipVisionConfig",
    VISION,
    ["pooler_output", "last_hidden_state"],
    {"transformers": ">=4.37"},
    insensitive=PROJECTED_KEY,
)
_two_towers(
    "siglip",
    "SiglipModel",
    "SiglipConfig",
    {"text_config": dict(TEXT, max_position_embeddings=16), "vision_config": VISION},
    {"transformers": ">=4.37"},
    insensitive=PROJECTED_KEY,
    sizes=(16, 7, 12),
)
_two_towers(
    "altclip",
    "AltCLIPModel",
    "AltCLIPConfig",
    {
        "text_config": dict(TEXT, project_dim=24, type_vocab_size=2),
        "vision_config": dict(VISION, projection_dim=16),
        "projection_dim": 16,
    },
    {"transformers": ">=4.26"},
    insensitive=BOTH_KEYS,
)
_two_towers(
    "chinese-clip",
    "ChineseCLIPModel",
    "ChineseCLIPConfig",
    {
        "text_config": dict(TEXT),
        "vision_config": dict(VISION, projection_dim=16),
        "projection_dim": 16,
    },
    {"transformers": ">=4.26"},
    insensitive=BOTH_KEYS,
)
_two_towers(
    "metaclip-2",
    "MetaClip2Model",
    "MetaClip2Config",
    TOWERS,
    {"transformers": ">=4.57"},
    insensitive=PROJECTED_KEY,
    end=2,
)
# Patches are gathered into groups, each by the one that it is most like.
_two_towers(
    "groupvit",
    "GroupViTModel",
    "GroupViTConfig",
    {
        "text_config": TEXT,
        "vision_config": dict(
            VISION,
            depths=[1, 1, 1],
            num_group_tokens=[8, 4, 0],
            num_output_groups=[8, 4, 4],
        ),
        "projection_dim": 16,
        "projection_intermediate_dim": 32,
    },
    {"transformers": ">=4.22"},
    insensitive=dict(
        PROJECTED_KEY,
        **{
            "*.assign.q_proj.*": "a patch goes to the group that it is most like: which one counts, not how much",
            "*.assign.k_proj.weight": "a patch goes to the group that it is most like: which one counts, not how much",
            "*.mlp_inter.fc2.bias": "adds the same to all channels of a group, and a norm follows",
            "*.group_projector.1.fc2.bias": "adds the same to all channels of a group, and norms follow",
        },
    ),
)
_two_towers(
    "align",
    "AlignModel",
    "AlignConfig",
    {
        "text_config": TEXT,
        "vision_config": {
            "image_size": 32,
            "width_coefficient": 0.5,
            "depth_coefficient": 0.5,
            "num_block_repeats": [1, 1, 1, 1, 1, 1, 1],
            "hidden_dim": 32,
        },
        "projection_dim": 160,
    },
    {"transformers": ">=4.27"},
    insensitive=dict(SELF_KEY, **{"*.text_model.pooler.*": "the text is read from its first state"}),
)
# BLIP: captions word by word over an image.
BLIP = {
    "text_config": dict(TEXT, encoder_hidden_size=32, sep_token_id=3, use_cache=False),
    "vision_config": VISION,
    "projection_dim": 16,
    "image_text_hidden_size": 16,
}
_text_and_image(
    "blip-captioning",
    "BlipForConditionalGeneration",
    "BlipConfig",
    BLIP,
    ["logits"],
    {"transformers": ">=4.26"},
    insensitive=dict(SELF_KEY, **{"*.crossattention.self.key.bias": KEY_BIAS}),
)
_text_and_image(
    "git",
    "GitForCausalLM",
    "GitConfig",
    dict(TEXT, vision_config=VISION, use_cache=False),
    ["logits"],
    {"transformers": ">=4.26"},
    insensitive=BOTH_KEYS,
)
_text_and_image(
    "clipseg",
    "CLIPSegForImageSegmentation",
    "CLIPSegConfig",
    dict(
        TOWERS,
        extract_layers=[0, 1],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
    ),
    ["logits"],
    {"transformers": ">=4.25"},
    insensitive=dict(
        PROJECTED_KEY,
        **{
            "*.vision_model.post_layernorm.*": "the image is read from the states of the layers before",
            "*.visual_projection.*": "the image is read from the states of the layers before",
        },
    ),
    end=VOCABULARY - 1,
)
_text_and_image(
    "bridgetower",
    "BridgeTowerModel",
    "BridgeTowerConfig",
    {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "text_config": TEXT,
        "vision_config": {"hidden_size": 64, "num_hidden_layers": 2, "image_size": 32, "patch_size": 8},
    },
    ["text_features", "image_features", "pooler_output"],
    {"transformers": ">=4.27"},
    insensitive=dict(SELF_KEY, **{"*.text_model.pooler.*": "both towers together have a pooler of their own"}),
)


@case(
    "huggingface/owlvit",
    inputs=[
        integers("batch", 2, 12, low=1, high=VOCABULARY, name="input_ids"),
        mask("batch", 2, 12, name="attention_mask"),
        PIXELS,
    ],
    outputs=["logits", "pred_boxes"],
    requires={"transformers": ">=4.21"},
    tags={"multimodal", "detection"},
    insensitive=dict(
        PROJECTED_KEY, **{"*.visual_projection.weight": "scores and boxes are read from the patches before it"}
    ),
)
def owlvit():
    """Detection by words: a box at each patch, scored against two texts per image."""
    import torch

    class Detector(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, pixel_values):
            texts = input_ids.flatten(0, 1)  # read at the largest token, which is put last
            texts = torch.cat((texts[:, :-1], torch.full_like(texts[:, :1], VOCABULARY - 1)), dim=1)
            answer = self.network(
                input_ids=texts,
                attention_mask=attention_mask.flatten(0, 1),
                pixel_values=pixel_values,
                return_dict=True,
            )
            return answer.logits, answer.pred_boxes

    settings = {
        "text_config": dict(TEXT, max_position_embeddings=12),
        "vision_config": VISION,
        "projection_dim": 32,
    }
    return Detector(_network("OwlViTForObjectDetection", "OwlViTConfig", settings)).eval()


@case(
    "huggingface/vision-text-dual-encoder",
    inputs=[
        integers("texts", "sequence", high=VOCABULARY, name="input_ids"),
        PIXELS,
        mask("texts", "sequence", name="attention_mask"),
    ],
    outputs=["logits_per_image", "text_embeds", "image_embeds"],
    axes={"texts": (3, 1, 4), "sequence": (16, 7, 24)},
    requires={"transformers": ">=4.16"},
    tags={"multimodal"},
    insensitive={"*.key.bias": KEY_BIAS},
)
def vision_text_dual_encoder():
    """CLIP's loss over a BERT and a ViT."""
    import torch
    from transformers import (
        BertConfig,
        BertModel,
        VisionTextDualEncoderConfig,
        VisionTextDualEncoderModel,
        ViTConfig,
        ViTModel,
    )

    class Towers(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, pixel_values, attention_mask):
            answer = self.network(
                input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask, return_dict=True
            )
            return answer.logits_per_image, answer.text_embeds, answer.image_embeds

    text = BertModel(BertConfig(**dict(TEXT, **_eager())))
    vision = ViTModel(ViTConfig(**dict(VISION, **_eager())))
    configuration = VisionTextDualEncoderConfig.from_vision_text_configs(vision.config, text.config, projection_dim=16)
    return Towers(_drawn(VisionTextDualEncoderModel(configuration, vision_model=vision, text_model=text))).eval()


def _captioner(name, vision, text, requires, insensitive, size=32):
    """pixel_values and decoder_input_ids in: an image encoder and a text decoder, each given as its class, its
    configuration's class and that one's settings."""

    @case(
        "huggingface/" + name,
        inputs=[
            normal("batch", 3, size, size, name="pixel_values"),
            integers("batch", "target", high=VOCABULARY, name="decoder_input_ids"),
        ],
        outputs=[ranking("logits")],
        axes={"target": (9, 4)},
        requires=requires,
        tags={"multimodal", "seq2seq"},
        insensitive=insensitive,
    )
    def build():
        import torch
        import transformers

        class Captioner(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, pixel_values, decoder_input_ids):
                return self.network(
                    pixel_values=pixel_values,
                    decoder_input_ids=decoder_input_ids,
                    use_cache=False,
                    return_dict=True,
                ).logits

        parts = []
        for model, configuration, settings in (vision, text):
            made = getattr(transformers, configuration)(**dict(settings, **_eager()))
            parts.append(getattr(transformers, model)(made))
        if getattr(parts[0], "pooler", None) is not None:
            parts[0].pooler = None
        return Captioner(_drawn(transformers.VisionEncoderDecoderModel(encoder=parts[0], decoder=parts[1]))).eval()


_captioner(
    "vision-encoder-decoder",
    ["ViTModel", "ViTConfig", VISION],
    ["BertLMHeadModel", "BertConfig", dict(TEXT, is_decoder=True, add_cross_attention=True)],
    {"transformers": ">=4.12"},
    {"*.key.bias": KEY_BIAS},
)
_captioner(
    "vision-encoder-decoder-gpt2",
    ["ViTModel", "ViTConfig", VISION],
    [
        "GPT2LMHeadModel",
        "GPT2Config",
        {
            "vocab_size": VOCABULARY,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 40,
            "add_cross_attention": True,
            "is_decoder": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ],
    {"transformers": ">=4.12"},
    {"*.key.bias": KEY_BIAS},
)
TROCR = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 40,
    "cross_attention_hidden_size": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# Handwriting: DeiT in front.
_captioner(
    "trocr",
    ["DeiTModel", "DeiTConfig", VISION],
    ["TrOCRForCausalLM", "TrOCRConfig", TROCR],
    {"transformers": ">=4.12"},
    {"*.key.bias": KEY_BIAS, "*.k_proj.bias": KEY_BIAS},
)
# Documents without reading single words: Swin in front.
_captioner(
    "donut",
    [
        "DonutSwinModel",
        "DonutSwinConfig",
        {
            "image_size": 32,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [2, 1],
            "num_heads": [2, 4],
            "window_size": 4,
            "mlp_ratio": 2.0,
        },
    ],
    [
        "MBartForCausalLM",
        "MBartConfig",
        {
            "vocab_size": VOCABULARY,
            "d_model": 32,
            "decoder_layers": 2,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 40,
            "is_decoder": True,
            "is_encoder_decoder": False,
            "add_cross_attention": True,
            "add_final_layer_norm": True,
            "scale_embedding": True,
            "pad_token_id": 0,
        },
    ],
    {"transformers": ">=4.22"},
    {"*.key.bias": KEY_BIAS, "*.k_proj.bias": KEY_BIAS},
)


@case(
    "huggingface/pix2struct",
    inputs=[
        normal("batch", "patches", 50, name="patches"),
        integers("batch", "patches", 2, low=1, high=8, name="places"),
        mask("batch", "patches", name="attention_mask"),
        integers("batch", "target", high=VOCABULARY, name="decoder_input_ids"),
    ],
    outputs=[ranking("logits")],
    axes={"patches": (12, 7, 16), "target": (9, 4)},
    requires={"transformers": ">=4.28"},
    tags={"multimodal", "seq2seq"},
)
def pix2struct():
    """Screenshots as a row of patches, each with its line and column in front; a T5 behind."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, patches, places, attention_mask, decoder_input_ids):
            return self.network(
                flattened_patches=torch.cat((places.to(patches.dtype), patches), dim=2),
                attention_mask=attention_mask,
                decoder_input_ids=decoder_input_ids,
                use_cache=False,
                return_dict=True,
            ).logits

    settings = {
        "text_config": {
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "d_kv": 8,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 4,
        },
        "vision_config": {
            "hidden_size": 32,
            "patch_embed_hidden_size": 50,
            "d_ff": 64,
            "d_kv": 8,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "seq_len": 8,
        },
    }
    return Reader(_network("Pix2StructForConditionalGeneration", "Pix2StructConfig", settings)).eval()


@case(
    "huggingface/llava",
    inputs=[TOKENS, PIXELS],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    requires={"transformers": ">=4.52"},
    tags={"multimodal", "decoder"},
    insensitive=dict(
        PROJECTED_KEY,
        **{
            "*.vision_model.encoder.layers.1.*": "the states of the layer before the last are taken",
            "*.post_layernorm.*": "the states of the layer before the last are taken",
        },
    ),
)
def llava():
    """A language model reads an image: the states of a vision transformer are put in the places of sixteen tokens."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, pixel_values):
            places = torch.full_like(input_ids[:, :1], VOCABULARY).expand(-1, 16)
            return self.network(
                input_ids=torch.cat((places, input_ids), dim=1),
                pixel_values=pixel_values,
                use_cache=False,
                return_dict=True,
            ).logits

    settings = {
        "vision_config": dict(VISION, model_type="clip_vision_model", projection_dim=16),
        "text_config": dict(
            TEXT,
            model_type="llama",
            vocab_size=VOCABULARY + 1,
            num_key_value_heads=2,
            max_position_embeddings=64,
        ),
        "image_token_index": VOCABULARY,
        "image_seq_length": 16,
    }
    return Reader(_network("LlavaForConditionalGeneration", "LlavaConfig", settings)).eval()


@case(
    "huggingface/idefics",
    inputs=[
        integers("batch", "sequence", high=VOCABULARY + 32, name="input_ids"),
        ATTENTION_MASK,
        normal("batch", 1, 3, 32, 32, name="pixel_values"),
        mask("batch", "sequence", 1, name="image_attention_mask"),
    ],
    outputs=[ranking("logits")],
    axes=SEQUENCE,
    requires={"transformers": ">=4.32"},
    tags={"multimodal", "decoder"},
    insensitive=dict(
        PROJECTED_KEY,
        **{
            "input:image_attention_mask": "every word sees the only image",
            "*.vision_model.post_layernorm.*": "the states of the patches are taken, which it does not see",
        },
    ),
)
def idefics():
    """A language model with gated cross-attention to an image in front of each layer."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, pixel_values, image_attention_mask):
            return self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                pixel_values=pixel_values,
                image_attention_mask=image_attention_mask,
                use_cache=False,
                return_dict=True,
            ).logits

    settings = dict(
        TEXT,
        additional_vocab_size=32,
        alpha_initializer="ones",
        cross_layer_interval=1,
        vision_config={
            "embed_dim": 32,
            "image_size": 32,
            "patch_size": 8,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
        },
    )
    return Reader(_network("IdeficsForVisionText2Text", "IdeficsConfig", settings)).eval()


@case(
    "huggingface/sam",
    inputs=[
        normal("batch", 3, 32, 32, name="pixel_values"),
        integers("batch", 1, "points", 2, high=32, name="input_points"),
    ],
    outputs=["pred_masks", "iou_scores"],
    axes={"points": (2, 1, 3)},
    requires={"transformers": ">=4.29"},
    tags={"multimodal", "segmentation"},
    insensitive={
        "*.mask_embed.*": "no mask is given beside the points",
        "*.prompt_encoder.point_embed.*": "the points are of one kind, inside",
        "*.k_proj.bias": KEY_BIAS,
        "*.output_hypernetworks_mlps.0.*": "makes the mask for a single answer, and three are given",
    },
)
def sam():
    """Segment anything: masks for points, from windows of attention and a decoder in both directions."""
    import torch

    class Segmenter(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixel_values, input_points):
            answer = self.network(
                pixel_values=pixel_values, input_points=input_points.to(pixel_values.dtype), return_dict=True
            )
            return answer.pred_masks, answer.iou_scores

    settings = {
        "vision_config": {
            "hidden_size": 32,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
            "window_size": 2,
            "global_attn_indexes": [1],
            "num_pos_feats": 8,
            "mlp_dim": 64,
        },
        "prompt_encoder_config": {
            "hidden_size": 16,
            "image_size": 32,
            "patch_size": 8,
            "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    }
    network = _network("SamModel", "SamConfig", settings)
    for name, value in sorted(network.state_dict().items()):
        if name.endswith("positional_embedding"):
            value.mul_(0.1)  # waves so short that float32 rounds the places away
        elif name.endswith("q_proj.bias"):
            torch.nn.init.normal_(value, std=0.5)
    return Segmenter(network).eval()


@case(
    "huggingface/lxmert",
    inputs=[
        TOKENS,
        ATTENTION_MASK,
        TOKEN_TYPES,
        normal("batch", "objects", 16, name="visual_feats"),
        normal("batch", "objects", 4, name="visual_pos"),
    ],
    outputs=["language_output", "vision_output", "pooled_output"],
    axes={"sequence": (16, 7, 24), "objects": (6, 3)},
    tags={"multimodal"},
    insensitive={"*.key.bias": KEY_BIAS},
)
def lxmert():
    """Questions about an image: words and detected objects, each encoded, then each attending to the other."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids, visual_feats, visual_pos):
            answer = self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
                visual_feats=visual_feats,
                visual_pos=visual_pos,
                return_dict=True,
            )
            return answer.language_output, answer.vision_output, answer.pooled_output

    settings = {name: value for name, value in TEXT.items() if name not in ("num_hidden_layers", "pad_token_id")}
    settings.update(l_layers=1, x_layers=1, r_layers=1, visual_feat_dim=16)
    return Reader(_network("LxmertModel", "LxmertConfig", settings)).eval()


@case(
    "huggingface/visual-bert",
    inputs=[
        TOKENS,
        ATTENTION_MASK,
        TOKEN_TYPES,
        normal("batch", "objects", 16, name="visual_embeds"),
        mask("batch", "objects", name="visual_attention_mask"),
    ],
    outputs=["last_hidden_state", "pooler_output"],
    axes={"sequence": (16, 7, 24), "objects": (6, 3)},
    requires={"transformers": ">=4.7"},
    tags={"multimodal"},
    insensitive={"*.key.bias": KEY_BIAS},
)
def visual_bert():
    """Words and detected objects in one BERT."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids, visual_embeds, visual_attention_mask):
            answer = self.network(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
                visual_embeds=visual_embeds,
                visual_attention_mask=visual_attention_mask,
                return_dict=True,
            )
            return answer.last_hidden_state, answer.pooler_output

    settings = dict(TEXT, visual_embedding_dim=16)
    return Reader(_network("VisualBertModel", "VisualBertConfig", settings)).eval()


def _document(name, model, configuration, settings, fields, requires=None, tags=(), insensitive=None):
    """Words with their boxes on the page (the lower right corner is put behind the upper left one by the wrapper)."""

    @case(
        "huggingface/" + name,
        inputs=[TOKENS, integers("batch", "sequence", 4, high=16, name="bbox"), ATTENTION_MASK],
        outputs=[ranking(field) if field == "logits" else field for field in fields],
        axes=SEQUENCE,
        requires=requires,
        tags={"multimodal", "document", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Reader(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, input_ids, bbox, attention_mask):
                corners = torch.cat((bbox[:, :, :2], bbox[:, :, 2:] + 16), dim=2)
                answer = self.network(
                    input_ids=input_ids, bbox=corners, attention_mask=attention_mask, return_dict=True
                )
                return tuple(getattr(answer, field) for field in fields)

        return Reader(_network(model, configuration, settings)).eval()


PAGE = dict(TEXT, max_2d_position_embeddings=40)
_document(
    "layoutlm",
    "LayoutLMModel",
    "LayoutLMConfig",
    PAGE,
    ["last_hidden_state", "pooler_output"],
    insensitive=SELF_KEY,
)
_document(
    "layoutlm-token-classification",
    "LayoutLMForTokenClassification",
    "LayoutLMConfig",
    dict(PAGE, **LABELS),
    ["logits"],
    insensitive=dict(SELF_KEY, **{"*.pooler.*": "the labels are read from the states of the words"}),
)
LAST = "the answer is read from the words behind the last layer, not from their layout"
# The text and its layout side by side, their scores added.
_document(
    "lilt",
    "LiltModel",
    "LiltConfig",
    dict(PAGE, hidden_size=48, channel_shrink_ratio=2),
    ["last_hidden_state", "pooler_output"],
    {"transformers": ">=4.24"},
    insensitive={
        "*.self.key.bias": KEY_BIAS,
        "*.self.layout_key.bias": KEY_BIAS,
        "*.layer.1.layout_*": LAST,
        "*.layer.1.attention.layout_output.*": LAST,
        "*.layer.1.attention.self.layout_value.*": LAST,
    },
)


@case(
    "huggingface/layoutlmv3",
    inputs=[TOKENS, integers("batch", "sequence", 4, high=16, name="bbox"), ATTENTION_MASK, PIXELS],
    outputs=["last_hidden_state"],
    axes=SEQUENCE,
    requires={"transformers": ">=4.19"},
    tags={"multimodal", "document"},
    insensitive=SELF_KEY,
)
def layoutlmv3():
    """Words, their boxes and the page's image in one encoder, with biases for distances in the text and on the page."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, bbox, attention_mask, pixel_values):
            corners = torch.cat((bbox[:, :, :2], bbox[:, :, 2:] + 16), dim=2)
            return self.network(
                input_ids=input_ids,
                bbox=corners,
                attention_mask=attention_mask,
                pixel_values=pixel_values,
                return_dict=True,
            ).last_hidden_state

    settings = dict(
        TEXT,
        max_2d_position_embeddings=1024,
        coordinate_size=6,
        shape_size=4,
        input_size=32,
        patch_size=8,
        rel_pos_bins=16,
        max_rel_pos=16,
        rel_2d_pos_bins=16,
        max_rel_2d_pos=32,
    )
    return Reader(_network("LayoutLMv3Model", "LayoutLMv3Config", settings)).eval()


@case(
    "huggingface/bros",
    inputs=[TOKENS, normal("batch", "sequence", 4, name="bbox"), ATTENTION_MASK],
    outputs=["last_hidden_state", "pooler_output"],
    axes=SEQUENCE,
    requires={"transformers": ">=4.34"},
    tags={"multimodal", "document"},
    insensitive=SELF_KEY,
)
def bros():
    """Words of a page, attending by what they mean and by where they are to each other."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, bbox, attention_mask):
            answer = self.network(input_ids=input_ids, bbox=bbox, attention_mask=attention_mask, return_dict=True)
            return answer.last_hidden_state, answer.pooler_output

    return Reader(_network("BrosModel", "BrosConfig", dict(TEXT, hidden_size=64, bbox_scale=1.0))).eval()


@case(
    "huggingface/markuplm",
    inputs=[
        TOKENS,
        integers("batch", "sequence", 6, high=12, name="xpath_tags_seq"),
        integers("batch", "sequence", 6, high=12, name="xpath_subs_seq"),
        ATTENTION_MASK,
    ],
    outputs=["last_hidden_state", "pooler_output"],
    axes=SEQUENCE,
    requires={"transformers": ">=4.23"},
    tags={"multimodal", "document"},
    insensitive=dict(SELF_KEY, **{"*.xpath_unitseq2_embeddings.*": "made, and nothing goes through it"}),
)
def markuplm():
    """Words of a web page with the path of tags that leads to each."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, xpath_tags_seq, xpath_subs_seq, attention_mask):
            answer = self.network(
                input_ids=input_ids,
                xpath_tags_seq=xpath_tags_seq,
                xpath_subs_seq=xpath_subs_seq,
                attention_mask=attention_mask,
                return_dict=True,
            )
            return answer.last_hidden_state, answer.pooler_output

    settings = dict(
        TEXT,
        max_depth=6,
        max_xpath_tag_unit_embeddings=12,
        max_xpath_subs_unit_embeddings=12,
        tag_pad_id=10,
        subs_pad_id=11,
        xpath_unit_hidden_size=8,
    )
    return Reader(_network("MarkupLMModel", "MarkupLMConfig", settings)).eval()


@case(
    "huggingface/clap",
    inputs=[
        integers("texts", "sequence", high=VOCABULARY, name="input_ids"),
        mask("texts", "sequence", name="attention_mask"),
        normal("batch", 1, 60, 16, name="input_features"),
    ],
    outputs=["logits_per_audio", "text_embeds", "audio_embeds"],
    axes={"texts": (3, 1, 4), "sequence": (16, 7, 24)},
    requires={"transformers": ">=4.27"},
    tags={"multimodal", "audio"},
    insensitive={"*.key.bias": KEY_BIAS},
)
def clap():
    """CLIP for sounds: a spectrogram folded into a square for a Swin transformer, and a text encoder."""
    import torch

    class Towers(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, input_features):
            answer = self.network(
                input_ids=input_ids, attention_mask=attention_mask, input_features=input_features, return_dict=True
            )
            return answer.logits_per_audio, answer.text_embeds, answer.audio_embeds

    settings = {
        "text_config": dict(TEXT, projection_dim=16, type_vocab_size=2),
        "audio_config": {
            "window_size": 4,
            "num_mel_bins": 16,
            "spec_size": 32,
            "patch_size": 2,
            "patch_stride": [2, 2],
            "hidden_size": 32,
            "projection_dim": 16,
            "depths": [2, 1],
            "num_attention_heads": [2, 4],
            "patch_embeds_hidden_size": 16,
            "mlp_ratio": 2.0,
            "num_hidden_layers": 2,
        },
        "projection_dim": 16,
    }
    return Towers(_network("ClapModel", "ClapConfig", settings)).eval()


@case(
    "huggingface/mgp-str",
    inputs=[normal("batch", 3, 16, 32, name="pixel_values")],
    outputs=[ranking("characters"), ranking("pieces"), ranking("words")],
    requires={"transformers": ">=4.28"},
    tags={"multimodal", "vision"},
)
def mgp_str():
    """Text in scenes: a vision transformer read by characters, by pieces of words and by words."""
    import torch

    class Reader(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixel_values):
            return tuple(self.network(pixel_values=pixel_values, return_dict=True).logits)

    settings = {
        "image_size": [16, 32],
        "patch_size": 4,
        "max_token_length": 6,
        "num_character_labels": 12,
        "num_bpe_labels": 24,
        "num_wordpiece_labels": 24,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "mlp_ratio": 2.0,
    }
    return Reader(_network("MgpstrForSceneTextRecognition", "MgpstrConfig", settings)).eval()
