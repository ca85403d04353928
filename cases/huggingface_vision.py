"""Hugging Face vision: classifiers, segmentation, depth, detection and video, every family once, some heads more.

Tiny configurations with random weights (see huggingface.py), eager attention where the version has a choice.
Images are as the image processors give them: normalised, channels first.
"""

from tfparity import case, integers, normal, ranking, uniform

LOGITS = ["logits"]
POOLED = ["last_hidden_state", "pooler_output"]
BOXES = ["logits", "pred_boxes"]
TEN = {"num_labels": 10}

KEY_BIAS = "softmax does not change when the same amount is added to every score of a row, which is all a key bias does"
KEY = {"*.attention*.k*.bias": KEY_BIAS}


def _network(model, configuration, settings):
    """The model class of that name, in eval mode, with eager attention where transformers has a choice (from 4.36 on).

    A token that stands for hidden patches is taken away: nothing is hidden, and some versions make it all the same.
    """
    import copy

    import transformers

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    eager = {"attn_implementation": "eager"} if version >= (4, 36) else {}
    given = dict(copy.deepcopy(settings), **eager)
    if "backbone_config" in given:
        backbone = given["backbone_config"]
        backbone.update(eager)
        if "configuration" in backbone:
            given["backbone_config"] = getattr(transformers, backbone.pop("configuration"))(**backbone)
    network = getattr(transformers, model)(getattr(transformers, configuration)(**given)).eval()
    for module in network.modules():
        if getattr(module, "mask_token", None) is not None:
            module.mask_token = None
    return network


def _image(
    name,
    model,
    configuration,
    settings,
    fields=LOGITS,
    requires=None,
    tags=(),
    insensitive=None,
    size=32,
    kind="classifier",
    axes=None,
    redrawn=False,
):
    """pixel_values in, the named fields of the answer out; `axes` makes height and width free, `redrawn` takes torch's
    own initialisation where the family has a fainter one and no setting for it."""
    height, width = ("height", "width") if axes else (size, size)

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", 3, height, width, name="pixel_values")],
        outputs=[ranking(field) if field == "logits" and kind == "classifier" else field for field in fields],
        axes=axes,
        requires=requires,
        tags={"vision", kind, *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Vision(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, pixel_values):
                for module in self.network.modules():
                    if hasattr(module, "attention_bias_cache"):
                        module.attention_bias_cache = {}  # else the biases of the call before become constants
                    if hasattr(module, "ab"):
                        module.train(False)  # likewise those of the moment when the network was put in eval mode
                answer = self.network(pixel_values=pixel_values, return_dict=True)
                return tuple(getattr(answer, field) for field in fields)

        network = _network(model, configuration, settings)
        for module in network.modules():
            if redrawn and isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
                module.reset_parameters()
        for key, parameter in network.named_parameters():
            if key.endswith("attention_biases"):  # zeros at first, and small ones drown in a softmax over few patches
                torch.nn.init.normal_(parameter)
        return Vision(network).eval()


# Vision transformers (a classifier of ViT is in huggingface.py).
VIT = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.2,
}
_image("vit-base", "ViTModel", "ViTConfig", VIT, POOLED, {"transformers": ">=4.5"}, insensitive=KEY, kind="features")
# A token more, for what a teacher says.
_image(
    "deit",
    "DeiTForImageClassificationWithTeacher",
    "DeiTConfig",
    dict(VIT, **TEN),
    ["logits", "cls_logits", "distillation_logits"],
    {"transformers": ">=4.6"},
    insensitive=KEY,
)
_image("deit-base", "DeiTModel", "DeiTConfig", VIT, POOLED, {"transformers": ">=4.6"}, insensitive=KEY, kind="features")
_image(
    "vit-msn",
    "ViTMSNForImageClassification",
    "ViTMSNConfig",
    dict(VIT, **TEN),
    requires={"transformers": ">=4.23"},
    insensitive=KEY,
)
# Relative position biases looked up in a table, a learned scale on each branch.
BEIT = dict(VIT, use_relative_position_bias=True, layer_scale_init_value=0.5, **TEN)
_image(
    "beit",
    "BeitForImageClassification",
    "BeitConfig",
    BEIT,
    requires={"transformers": ">=4.10"},
)
_image(
    "data2vec-vision",
    "Data2VecVisionForImageClassification",
    "Data2VecVisionConfig",
    BEIT,
    requires={"transformers": ">=4.19"},
)
_image(
    "data2vec-vision-segmentation",
    "Data2VecVisionForSemanticSegmentation",
    "Data2VecVisionConfig",
    dict(BEIT, num_hidden_layers=4, out_indices=[2, 3, 4, 5], pool_scales=[1, 2], use_auxiliary_head=False),
    requires={"transformers": ">=4.19"},
    kind="segmentation",
)
DINOV2 = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "mlp_ratio": 2,
    "initializer_range": 0.2,
}
_image(
    "dinov2",
    "Dinov2Model",
    "Dinov2Config",
    DINOV2,
    POOLED,
    {"transformers": ">=4.32"},
    insensitive=KEY,
    kind="features",
)
_image(
    "dinov2-classification",
    "Dinov2ForImageClassification",
    "Dinov2Config",
    dict(DINOV2, use_swiglu_ffn=True, **TEN),
    requires={"transformers": ">=4.32"},
    insensitive=KEY,
)
_image(
    "dinov2-with-registers",
    "Dinov2WithRegistersModel",
    "Dinov2WithRegistersConfig",
    DINOV2,
    POOLED,
    {"transformers": ">=4.48"},
    insensitive=KEY,
    kind="features",
)
# Rotary positions in two dimensions.
_image(
    "dinov3-vit",
    "DINOv3ViTModel",
    "DINOv3ViTConfig",
    dict(VIT, num_register_tokens=2),
    POOLED,
    {"transformers": ">=4.56"},
    kind="features",
)
_image(
    "dinov3-convnext",
    "DINOv3ConvNextModel",
    "DINOv3ConvNextConfig",
    {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1], "initializer_range": 0.2, "layer_scale_init_value": 0.5},
    POOLED,
    {"transformers": ">=4.56"},
    kind="features",
)
_image(
    "ijepa",
    "IJepaModel",
    "IJepaConfig",
    VIT,
    ["last_hidden_state"],
    {"transformers": ">=4.47"},
    insensitive=KEY,
    kind="features",
)
# Windows of attention in one layer, all of the image in the next, relative positions along each side.
_image(
    "vitdet",
    "VitDetModel",
    "VitDetConfig",
    dict(
        DINOV2,
        pretrain_image_size=32,
        window_size=2,
        window_block_indices=[0],
        residual_block_indices=[1],
        use_relative_position_embeddings=True,
    ),
    ["last_hidden_state"],
    {"transformers": ">=4.33"},
    kind="features",
)

# Windows of attention, shifted by a roll in every second layer.
SWIN = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 16,
    "depths": [2, 1],
    "num_heads": [2, 4],
    "window_size": 4,
    "mlp_ratio": 2.0,
    "initializer_range": 0.2,
}
SWIN_KEY = {"*.attention.self.key.bias": KEY_BIAS}
_image(
    "swin",
    "SwinForImageClassification",
    "SwinConfig",
    dict(SWIN, **TEN),
    requires={"transformers": ">=4.16"},
    insensitive=SWIN_KEY,
)
_image(
    "swin-base",
    "SwinModel",
    "SwinConfig",
    SWIN,
    POOLED,
    {"transformers": ">=4.16"},
    insensitive=SWIN_KEY,
    kind="features",
)
# Cosine attention, position biases by a small network over logarithmic distances.
_image(
    "swinv2",
    "Swinv2ForImageClassification",
    "Swinv2Config",
    dict(SWIN, **TEN),
    requires={"transformers": ">=4.22"},
)
# Images of twice the size, by a shuffle of channels into pixels.
_image(
    "swin2sr",
    "Swin2SRForImageSuperResolution",
    "Swin2SRConfig",
    {
        "image_size": 16,
        "patch_size": 1,
        "embed_dim": 16,
        "depths": [2],
        "num_heads": [2],
        "window_size": 4,
        "mlp_ratio": 2.0,
        "initializer_range": 0.1,
        "upscale": 2,
    },
    ["reconstruction"],
    {"transformers": ">=4.26"},
    size=16,
    kind="super-resolution",
)
_image(
    "hiera",
    "HieraForImageClassification",
    "HieraConfig",
    dict(
        TEN,
        image_size=[64, 64],
        embed_dim=16,
        depths=[1, 1, 1],
        num_heads=[1, 2, 4],
        num_query_pool=2,
        masked_unit_attention=[True, True, False],
        masked_unit_size=[4, 4],
        mlp_ratio=2.0,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.43"},
    size=64,
)
_image(
    "focalnet",
    "FocalNetForImageClassification",
    "FocalNetConfig",
    dict(
        TEN,
        image_size=32,
        patch_size=4,
        embed_dim=16,
        hidden_sizes=[16, 32],
        depths=[1, 1],
        focal_levels=[2, 2],
        focal_windows=[3, 3],
        mlp_ratio=2.0,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.29"},
)
# Attention with keys and values of a smaller image.
_image(
    "pvt",
    "PvtForImageClassification",
    "PvtConfig",
    dict(
        TEN,
        image_size=64,
        hidden_sizes=[16, 16, 32, 32],
        depths=[1, 1, 1, 1],
        sequence_reduction_ratios=[4, 2, 1, 1],
        num_attention_heads=[1, 2, 2, 4],
        mlp_ratios=[2, 2, 2, 2],
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.33"},
    insensitive=SWIN_KEY,
    size=64,
)
_image(
    "pvt-v2",
    "PvtV2ForImageClassification",
    "PvtV2Config",
    dict(
        TEN,
        image_size=64,
        hidden_sizes=[16, 16, 32, 32],
        depths=[1, 1, 1, 1],
        sr_ratios=[4, 2, 2, 1],
        num_attention_heads=[1, 2, 2, 4],
        mlp_ratios=[2, 2, 2, 2],
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.39"},
    insensitive={"*.attention.key.bias": KEY_BIAS},
    size=64,
)
# Convolutions make queries, keys and values.
_image(
    "cvt",
    "CvtForImageClassification",
    "CvtConfig",
    dict(
        TEN,
        patch_sizes=[7, 3],
        patch_stride=[4, 2],
        patch_padding=[2, 1],
        embed_dim=[16, 32],
        num_heads=[1, 2],
        depth=[1, 2],
        mlp_ratio=[2.0, 2.0],
        attention_drop_rate=[0.0, 0.0],
        drop_rate=[0.0, 0.0],
        drop_path_rate=[0.0, 0.0],
        qkv_bias=[True, True],
        cls_token=[False, True],
        qkv_projection_method=["dw_bn", "dw_bn"],
        kernel_qkv=[3, 3],
        padding_kv=[1, 1],
        stride_kv=[2, 2],
        padding_q=[1, 1],
        stride_q=[1, 1],
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.20"},
    insensitive={
        "*.projection_key.bias": KEY_BIAS,
        "*.stages.0.*_projection_key.*.normalization.bias": KEY_BIAS,
        "*.stages.0.*_projection_key.*.normalization.running_mean": KEY_BIAS,
        "*.stages.1.layers.1.*_projection_query.convolution_projection.*": "the last layer's answer is read from the "
        "class token, which passes no convolution",
    },
)
_image(
    "levit",
    "LevitForImageClassification",
    "LevitConfig",
    dict(
        TEN,
        image_size=128,
        hidden_sizes=[16, 24, 32],
        num_attention_heads=[2, 3, 4],
        depths=[1, 1, 1],
        key_dim=[8, 8, 8],
        initializer_range=0.1,
    ),
    requires={"transformers": ">=4.20"},
    size=128,
)
# Pooling in the place of attention.
_image(
    "poolformer",
    "PoolFormerForImageClassification",
    "PoolFormerConfig",
    dict(
        TEN,
        num_encoder_blocks=2,
        depths=[1, 1],
        hidden_sizes=[16, 32],
        patch_sizes=[7, 3],
        strides=[4, 2],
        padding=[2, 1],
        mlp_ratio=2.0,
        initializer_range=0.2,
        layer_scale_init_value=0.5,
    ),
    requires={"transformers": ">=4.17"},
    insensitive={"*.before_norm.bias": "the average of a constant, less the constant, is nothing"},
)
_image(
    "efficientformer",
    "EfficientFormerForImageClassification",
    "EfficientFormerConfig",
    dict(
        TEN,
        image_size=64,
        depths=[1, 1, 1, 2],
        hidden_sizes=[16, 24, 32, 40],
        downsamples=[True, True, True, True],
        dim=40,
        key_dim=8,
        resolution=2,
        num_attention_heads=2,
        mlp_expansion_ratio=2,
        layer_scale_init_value=0.5,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.26,<5"},
    size=64,
)
# Additive attention: a global query instead of scores between all pairs.
_image(
    "swiftformer",
    "SwiftFormerForImageClassification",
    "SwiftFormerConfig",
    dict(
        TEN,
        image_size=64,
        depths=[1, 1, 1, 1],
        embed_dims=[16, 24, 32, 40],
        mlp_ratio=2,
        layer_scale_init_value=0.5,
    ),
    requires={"transformers": ">=4.30"},
    insensitive={"*.attn.w_g": "the softmax of its scores goes over their only column and gives ones"},
    size=64,
    redrawn=True,
)

# Convolutional networks.
CONVNEXT = {
    "num_stages": 2,
    "hidden_sizes": [16, 32],
    "depths": [1, 2],
    "layer_scale_init_value": 0.5,
    "image_size": 32,
    "initializer_range": 0.2,
}
_image(
    "convnext",
    "ConvNextForImageClassification",
    "ConvNextConfig",
    dict(CONVNEXT, **TEN),
    requires={"transformers": ">=4.17"},
)
_image(
    "convnext-base",
    "ConvNextModel",
    "ConvNextConfig",
    CONVNEXT,
    POOLED,
    {"transformers": ">=4.17"},
    kind="features",
)
_image(
    "convnext-any-size",
    "ConvNextForImageClassification",
    "ConvNextConfig",
    dict(CONVNEXT, **TEN),
    requires={"transformers": ">=4.17"},
    axes={"height": (32, 48), "width": (32, 40)},
)
# A norm over the whole image in each block.
_image(
    "convnextv2",
    "ConvNextV2ForImageClassification",
    "ConvNextV2Config",
    dict(TEN, num_stages=2, hidden_sizes=[16, 32], depths=[1, 2], image_size=32, initializer_range=0.2),
    requires={"transformers": ">=4.27"},
)
RESNET = {"embedding_size": 16, "hidden_sizes": [32, 64], "depths": [1, 2], "layer_type": "bottleneck"}
_image(
    "resnet",
    "ResNetForImageClassification",
    "ResNetConfig",
    dict(RESNET, **TEN),
    requires={"transformers": ">=4.18"},
)
_image(
    "resnet-basic",
    "ResNetForImageClassification",
    "ResNetConfig",
    dict(RESNET, layer_type="basic", **TEN),
    requires={"transformers": ">=4.18"},
)
_image(
    "regnet",
    "RegNetForImageClassification",
    "RegNetConfig",
    dict(TEN, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 2], groups_width=8, layer_type="y"),
    requires={"transformers": ">=4.19"},
)
# Standardised weights, group norm before the convolutions.
_image(
    "bit",
    "BitForImageClassification",
    "BitConfig",
    dict(TEN, embedding_size=16, hidden_sizes=[32, 64], depths=[1, 2], num_groups=4),
    requires={"transformers": ">=4.26"},
)
# Padding as TensorFlow does it, more on the right and at the bottom.
_image(
    "mobilenet-v1",
    "MobileNetV1ForImageClassification",
    "MobileNetV1Config",
    dict(TEN, image_size=64, depth_multiplier=0.25),
    requires={"transformers": ">=4.25"},
    size=64,
)
_image(
    "mobilenet-v2",
    "MobileNetV2ForImageClassification",
    "MobileNetV2Config",
    dict(TEN, image_size=64, depth_multiplier=0.25),
    requires={"transformers": ">=4.25"},
    size=64,
)
_image(
    "efficientnet",
    "EfficientNetForImageClassification",
    "EfficientNetConfig",
    dict(
        TEN,
        image_size=64,
        width_coefficient=0.5,
        depth_coefficient=0.5,
        num_block_repeats=[1, 1, 1, 1, 1, 1, 1],
        hidden_dim=640,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.27"},
    size=64,
)
_image(
    "hgnet-v2",
    "HGNetV2ForImageClassification",
    "HGNetV2Config",
    dict(
        TEN,
        embedding_size=16,
        depths=[1, 1],
        hidden_sizes=[32, 48],
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, 32],
        stage_mid_channels=[16, 16],
        stage_out_channels=[32, 48],
        stage_num_blocks=[1, 1],
        stage_downsample=[False, True],
        stage_light_block=[False, True],
        stage_kernel_size=[3, 5],
        stage_numb_of_layers=[2, 2],
        use_learnable_affine_block=True,
    ),
    requires={"transformers": ">=4.52"},
)
_image(
    "textnet",
    "TextNetForImageClassification",
    "TextNetConfig",
    dict(
        TEN,
        stem_out_channels=16,
        conv_layer_kernel_sizes=[[[3, 3], [3, 1]], [[1, 3]], [[3, 3]], [[3, 3]]],
        conv_layer_strides=[[1, 2], [2], [2], [2]],
        hidden_sizes=[16, 16, 16, 32, 32],
    ),
    requires={"transformers": ">=4.48"},
    size=64,
)
# Patches unfolded, attended to, and folded again between convolutions.
MOBILEVIT = {
    "image_size": 64,
    "hidden_sizes": [24, 32, 40],
    "neck_hidden_sizes": [8, 16, 16, 24, 32, 40, 640],
    "num_attention_heads": 4,
    "output_stride": 16,
    "initializer_range": 0.3,
}
_image(
    "mobilevit",
    "MobileViTForImageClassification",
    "MobileViTConfig",
    dict(MOBILEVIT, **TEN),
    requires={"transformers": ">=4.21"},
    insensitive=KEY,
    size=64,
)
_image(
    "mobilevitv2",
    "MobileViTV2ForImageClassification",
    "MobileViTV2Config",
    dict(
        TEN,
        image_size=64,
        n_attn_blocks=[1, 1, 1],
        base_attn_unit_dims=[32, 48, 64],
        width_multiplier=0.5,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.30"},
    size=64,
)

# Segmentation and depth: one answer per pixel, or per four.
SEGFORMER = {
    "num_encoder_blocks": 2,
    "depths": [1, 1],
    "sr_ratios": [2, 1],
    "hidden_sizes": [16, 32],
    "patch_sizes": [7, 3],
    "strides": [4, 2],
    "num_attention_heads": [1, 2],
    "mlp_ratios": [2, 2],
    "decoder_hidden_size": 16,
    "initializer_range": 0.2,
}
HAS_SEGFORMER = {"transformers": ">=4.12"}
_image(
    "segformer",
    "SegformerForSemanticSegmentation",
    "SegformerConfig",
    dict(SEGFORMER, **TEN),
    requires=HAS_SEGFORMER,
    insensitive=SWIN_KEY,
    kind="segmentation",
)
_image(
    "segformer-any-size",
    "SegformerForSemanticSegmentation",
    "SegformerConfig",
    dict(SEGFORMER, **TEN),
    requires=HAS_SEGFORMER,
    insensitive=SWIN_KEY,
    kind="segmentation",
    axes={"height": (32, 48), "width": (32, 40)},
)
_image(
    "segformer-classification",
    "SegformerForImageClassification",
    "SegformerConfig",
    dict(SEGFORMER, **TEN),
    requires=HAS_SEGFORMER,
    insensitive=SWIN_KEY,
)
_image(
    "segformer-base",
    "SegformerModel",
    "SegformerConfig",
    SEGFORMER,
    ["last_hidden_state"],
    HAS_SEGFORMER,
    insensitive=SWIN_KEY,
    kind="features",
)
# Dilated convolutions side by side (DeepLab); fainter weights, so that the last bias is still seen behind them.
_image(
    "mobilevit-segmentation",
    "MobileViTForSemanticSegmentation",
    "MobileViTConfig",
    dict(MOBILEVIT, aspp_out_channels=16, initializer_range=0.2, num_labels=10),
    requires={"transformers": ">=4.21"},
    insensitive=KEY,
    size=64,
    kind="segmentation",
)
_image(
    "upernet",
    "UperNetForSemanticSegmentation",
    "UperNetConfig",
    dict(
        TEN,
        backbone_config=dict(
            CONVNEXT,
            configuration="ConvNextConfig",
            num_stages=4,
            hidden_sizes=[16, 16, 32, 32],
            depths=[1, 1, 1, 1],
            out_features=["stage1", "stage2", "stage3", "stage4"],
        ),
        hidden_size=16,
        pool_scales=[1, 2],
        use_auxiliary_head=False,
        initializer_range=0.2,
    ),
    requires={"transformers": ">=4.26"},
    size=64,
    kind="segmentation",
)
_image(
    "dpt",
    "DPTForDepthEstimation",
    "DPTConfig",
    dict(
        VIT,
        num_hidden_layers=4,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 16, 24, 32],
        fusion_hidden_size=16,
        initializer_range=0.15,
    ),
    ["predicted_depth"],
    {"transformers": ">=4.18"},
    insensitive=dict(
        KEY,
        **{
            "network.dpt.layernorm.*": "the depth is read from states that it comes after",
            "*.fusion_stage.layers.0.residual_layer1.*": "the first layer of the fusion has nothing to add to",
        },
    ),
    kind="depth",
)
_image(
    "glpn",
    "GLPNForDepthEstimation",
    "GLPNConfig",
    {
        "num_encoder_blocks": 4,
        "depths": [1, 1, 1, 1],
        "sr_ratios": [4, 2, 1, 1],
        "hidden_sizes": [16, 16, 32, 32],
        "num_attention_heads": [1, 2, 2, 4],
        "mlp_ratios": [2, 2, 2, 2],
        "decoder_hidden_size": 16,
        "initializer_range": 0.2,
    },
    ["predicted_depth"],
    {"transformers": ">=4.18"},
    insensitive=SWIN_KEY,
    size=64,
    kind="depth",
)
_image(
    "depth-anything",
    "DepthAnythingForDepthEstimation",
    "DepthAnythingConfig",
    {
        "backbone_config": dict(
            DINOV2,
            configuration="Dinov2Config",
            num_hidden_layers=4,
            out_features=["stage1", "stage2", "stage3", "stage4"],
            reshape_hidden_states=False,
        ),
        "patch_size": 8,
        "reassemble_hidden_size": 32,
        "neck_hidden_sizes": [8, 16, 24, 32],
        "fusion_hidden_size": 16,
        "head_hidden_size": 8,
        "initializer_range": 0.15,
    },
    ["predicted_depth"],
    {"transformers": ">=4.38"},
    insensitive=dict(
        KEY, **{"*.fusion_stage.layers.0.residual_layer1.*": "the first layer of the fusion has nothing to add to"}
    ),
    kind="depth",
)

# Detection: a set of boxes from learned queries.
DETR = {
    "use_timm_backbone": False,
    "backbone_config": dict(RESNET, configuration="ResNetConfig", out_features=["stage2"]),
    "backbone": None,
    "use_pretrained_backbone": False,
    "num_queries": 8,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "d_model": 32,
    "init_std": 0.2,
    "num_labels": 10,
}


def _detector(name, model, configuration, settings, requires, tags=(), insensitive=None, size=32):
    """pixel_values in, class scores and boxes out, of queries drawn wide enough apart to look at different places."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", 3, size, size, name="pixel_values")],
        outputs=["logits", "pred_boxes"],
        requires=requires,
        tags={"vision", "detection", *tags},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Detector(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, pixel_values):
                answer = self.network(pixel_values=pixel_values, return_dict=True)
                return answer.logits, answer.pred_boxes

        network = _network(model, configuration, settings)
        for key, module in network.named_modules():
            if key.endswith("query_position_embeddings"):
                torch.nn.init.normal_(module.weight, std=2.0)
        for key, parameter in network.named_parameters():
            if ".decoder." in key and key.endswith("_proj.bias"):
                torch.nn.init.normal_(parameter, std=0.5)
        return Detector(network).eval()


FIRST = "all queries start from nothing, so that the first layer sees the same content in each"
PROJECTED_KEY = {"*.k_proj.bias": KEY_BIAS}
DETR_KEY = dict(
    PROJECTED_KEY,
    **{
        "*.decoder.layers.0.self_attn.q_proj.*": FIRST,
        "*.decoder.layers.0.self_attn.k_proj.weight": FIRST,
        "*.decoder.layers.0.self_attn.v_proj.weight": FIRST,
    },
)
_image(
    "yolos",
    "YolosForObjectDetection",
    "YolosConfig",
    dict(VIT, image_size=[32, 32], num_detection_tokens=8, **TEN),
    BOXES,
    {"transformers": ">=4.19"},
    insensitive=KEY,
    kind="detection",
)
_detector(
    "detr",
    "DetrForObjectDetection",
    "DetrConfig",
    DETR,
    {"transformers": ">=4.30"},
    insensitive=DETR_KEY,
)
# The norm comes before the attention.
_detector(
    "table-transformer",
    "TableTransformerForObjectDetection",
    "TableTransformerConfig",
    DETR,
    {"transformers": ">=4.30"},
    insensitive=dict(
        PROJECTED_KEY,
        **{
            "*.decoder.layers.0.self_attn_layer_norm.weight": FIRST,
            "*.decoder.layers.0.self_attn.q_proj.*": FIRST,
            "*.decoder.layers.0.self_attn.k_proj.weight": FIRST,
        },
    ),
)
# Queries carry a place to look at.
_detector(
    "conditional-detr",
    "ConditionalDetrForObjectDetection",
    "ConditionalDetrConfig",
    DETR,
    {"transformers": ">=4.30"},
    insensitive={
        "*[._]k*_proj.bias": KEY_BIAS,
        "*.decoder.layers.0.s*_proj.*": FIRST,
    },
)
# Attention to a few points, sampled from the image between its pixels.
_detector(
    "deformable-detr",
    "DeformableDetrForObjectDetection",
    "DeformableDetrConfig",
    dict(
        DETR,
        d_model=64,
        backbone_config=dict(RESNET, configuration="ResNetConfig", out_features=["stage1", "stage2"]),
        num_feature_levels=2,
        encoder_n_points=2,
        decoder_n_points=2,
        disable_custom_kernels=True,
    ),
    {"transformers": ">=4.30"},
    insensitive=PROJECTED_KEY,
)
_detector(
    "rt-detr",
    "RTDetrForObjectDetection",
    "RTDetrConfig",
    dict(
        TEN,
        backbone_config={
            "configuration": "RTDetrResNetConfig",
            "embedding_size": 16,
            "hidden_sizes": [16, 24, 32],
            "depths": [1, 1, 1],
            "layer_type": "basic",
            "out_features": ["stage2", "stage3"],
        },
        feat_strides=[8, 16],
        num_feature_levels=2,
        encode_proj_layers=[1],
        encoder_in_channels=[24, 32],
        encoder_hidden_dim=32,
        encoder_ffn_dim=64,
        encoder_attention_heads=4,
        d_model=32,
        num_queries=8,
        decoder_in_channels=[32, 32],
        decoder_ffn_dim=64,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_n_points=2,
        num_denoising=0,
        initializer_range=0.2,
    ),
    {"transformers": ">=4.43"},
    insensitive=dict(PROJECTED_KEY, **{"*.enc_score_head.*": "it ranks the candidates, and its scores are not given"}),
    size=64,
)
# Masks from queries and pixels; the heads need scipy for a loss that is not used, so these are the bodies.
MASKED = dict(SWIN, configuration="SwinConfig", depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4])
STAGES = ["stage1", "stage2", "stage3", "stage4"]
_image(
    "maskformer",
    "MaskFormerModel",
    "MaskFormerConfig",
    {
        "backbone_config": dict(MASKED, out_features=STAGES),
        "decoder_config": dict(
            {name: value for name, value in DETR.items() if "backbone" not in name and name != "num_labels"},
            model_type="detr",
            decoder_layers=1,
        ),
        "fpn_feature_size": 64,
        "mask_feature_size": 32,
        "init_std": 0.2,
    },
    ["pixel_decoder_last_hidden_state", "transformer_decoder_last_hidden_state"],
    {"transformers": ">=4.26"},
    insensitive=dict(
        DETR_KEY,
        **{
            "*.self.key.bias": KEY_BIAS,
            "*.encoder.model.layernorm.*": "the stages have norms of their own, and the last one is not used",
        },
    ),
    kind="segmentation",
)
_image(
    "vitpose",
    "VitPoseForPoseEstimation",
    "VitPoseConfig",
    {
        "backbone_config": {
            "configuration": "VitPoseBackboneConfig",
            "image_size": [32, 32],
            "patch_size": [8, 8],
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "mlp_ratio": 2,
            "initializer_range": 0.2,
            "out_features": ["stage2"],
        },
        "num_labels": 5,
        "initializer_range": 0.2,
    },
    ["heatmaps"],
    {"transformers": ">=4.48"},
    insensitive=KEY,
    kind="pose",
)


@case(
    "huggingface/vit-mae",
    inputs=[normal("batch", 3, 32, 32, name="pixel_values"), uniform("batch", 16, name="noise")],
    outputs=["logits"],
    requires={"transformers": ">=4.16"},
    tags={"vision", "features"},
    insensitive=KEY,
)
def vit_mae():
    """The masked autoencoder: patches sorted by noise, the first quarter kept, the rest put back to be painted."""
    import torch
    import transformers
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    class Painter(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixel_values, noise):
            return self.network(pixel_values=pixel_values, noise=noise, return_dict=True).logits

    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    eager = {"attn_implementation": "eager"} if version >= (4, 36) else {}
    settings = dict(
        VIT,
        decoder_num_attention_heads=4,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=1,
        decoder_intermediate_size=64,
    )
    return Painter(ViTMAEForPreTraining(ViTMAEConfig(**dict(settings, **eager)))).eval()


def _video(name, model, configuration, settings, requires, insensitive=None):
    """pixel_values of four frames in, a class out."""

    @case(
        "huggingface/" + name,
        inputs=[normal("batch", 4, 3, 32, 32, name="pixel_values")],
        outputs=[ranking("logits")],
        requires=requires,
        tags={"vision", "video"},
        insensitive=insensitive,
    )
    def build():
        import torch

        class Classifier(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, pixel_values):
                return self.network(pixel_values=pixel_values, return_dict=True).logits

        return Classifier(_network(model, configuration, settings)).eval()


_video(
    "videomae",
    "VideoMAEForVideoClassification",
    "VideoMAEConfig",
    dict(VIT, num_frames=4, tubelet_size=2, **TEN),
    {"transformers": ">=4.22"},
)
_video(
    "vivit",
    "VivitForVideoClassification",
    "VivitConfig",
    dict(VIT, num_frames=4, tubelet_size=[2, 8, 8], **TEN),
    {"transformers": ">=4.31"},
    insensitive=KEY,
)
# Attention along time and then within each frame.
_video(
    "timesformer",
    "TimesformerForVideoClassification",
    "TimesformerConfig",
    dict(VIT, num_frames=4, **TEN),
    {"transformers": ">=4.25"},
)


@case(
    "huggingface/imagegpt",
    inputs=[integers("batch", 64, high=32, name="input_ids")],
    outputs=[ranking("logits")],
    requires={"transformers": ">=4.13"},
    tags={"vision", "classifier"},
)
def imagegpt():
    """Pixels as a text of colours, read by a decoder; the mean of its states is classified."""
    import torch

    class Classifier(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids):
            return self.network(input_ids=input_ids, return_dict=True).logits

    settings = {
        "vocab_size": 33,
        "n_positions": 64,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "initializer_range": 0.2,
        "num_labels": 10,
    }
    return Classifier(_network("ImageGPTForImageClassification", "ImageGPTConfig", settings)).eval()


@case(
    "huggingface/perceiver-image",
    inputs=[normal("batch", 3, 16, 16, name="inputs")],
    outputs=[ranking("logits")],
    requires={"transformers": ">=4.13"},
    tags={"vision", "classifier"},
    insensitive={"*attention.attention.self.key.bias": KEY_BIAS, "*self_attends.*.self.key.bias": KEY_BIAS},
)
def perceiver_image():
    """Pixels with learned positions, read into a few latents."""
    import torch

    class Classifier(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, inputs):
            return self.network(inputs=inputs, return_dict=True).logits

    settings = {
        "image_size": 16,
        "num_latents": 8,
        "d_latents": 32,
        "d_model": 512,
        "num_blocks": 1,
        "num_self_attends_per_block": 2,
        "num_self_attention_heads": 4,
        "num_cross_attention_heads": 1,
        "initializer_range": 0.2,
        "num_labels": 10,
    }
    return Classifier(_network("PerceiverForImageClassificationLearned", "PerceiverConfig", settings)).eval()


@case(
    "huggingface/mask2former",
    inputs=[normal("batch", 3, 32, 32, name="pixel_values")],
    outputs=["masks", "transformer_decoder_last_hidden_state"],
    requires={"transformers": ">=4.26"},
    tags={"vision", "segmentation"},
    insensitive={"*.self.key.bias": KEY_BIAS, "*.k_proj.bias": KEY_BIAS},
)
def mask2former():
    """Masks that guide the next layer's attention; features gathered between pixels. The body, as MaskFormer's."""
    import torch

    class Segmenter(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pixel_values):
            answer = self.network(pixel_values=pixel_values, return_dict=True)
            return answer.masks_queries_logits[-1], answer.transformer_decoder_last_hidden_state

    settings = {
        "backbone_config": dict(MASKED, out_features=STAGES),
        "feature_size": 64,
        "mask_feature_size": 64,
        "hidden_dim": 64,
        "encoder_feedforward_dim": 64,
        "dim_feedforward": 64,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "num_attention_heads": 4,
        "num_queries": 8,
        "init_std": 0.2,
    }
    return Segmenter(_network("Mask2FormerModel", "Mask2FormerConfig", settings)).eval()
