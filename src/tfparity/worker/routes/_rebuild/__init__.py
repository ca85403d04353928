"""Networks of torch written again in tf.keras, by hand: the modules of the route keras-rebuild.

description      what the exporter torch_state wrote: modules, calls, and the account of the weights (no framework)
verify           every layer's answer against the recorded one (no framework)
network          Keras layers made by torch's names, weights poured in, outputs traced
layers           a mapping for each kind of layer
architectures    how the layers are joined: ResNet, VGG, MobileNetV2, BERT, an LSTM tagger
"""
