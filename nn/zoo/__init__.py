"""Image networks as they were published: functions from images to logits, of which each is read in a minute.

logits = zoo.resnet18(images, classes=10, training=flag)
loss = losses.crossentropy(logits, labels).mean()

What they hold and cost with 1000 classes (10 from `cifar_` on), multiply-adds for an image of so many pixels:

    network                         parameters   multiply-adds
    alexnet                         60,965,224          0.72 G   224
    zfnet                           62,357,608          1.17 G   224
    vgg_a, vgg_a_lrn  VGG-11       132,863,336          7.61 G   224
    vgg_b  VGG-13                  133,047,848         11.31 G   224
    vgg_c                          133,638,952         11.77 G   224
    vgg_d = vgg16                  138,357,544         15.47 G   224
    vgg_e = vgg19                  143,667,240         19.63 G   224
    googlenet                        6,998,552          1.58 G   224
      aux=True                      13,378,280
      normal=True                    7,005,832
      both                          13,385,816
    inception_v3                    23,834,568          5.71 G   299
      aux=True                      27,161,264
    resnet18                        11,689,512          1.81 G   224
    resnet34                        21,797,672          3.66 G   224
      plain=True                    21,623,848          3.64 G   224   (of `resnet`)
    resnet50                        25,557,032          4.09 G   224
      stride_first=True             25,557,032          3.86 G   224   (of `resnet`)
    resnet101                       44,549,160          7.80 G   224
    resnet152                       60,192,808         11.51 G   224
    densenet121                      7,978,856          2.83 G   224
    densenet161                     28,681,000          7.73 G   224
    densenet169                     14,149,480          3.36 G   224
    densenet201                     20,013,928          4.29 G   224
    densenet264                     33,337,704          5.75 G   224   (265 layers, by the paper's table)
    cifar_resnet  depth=20             269,722         40.6 M     32   (and so with plain=True)
      depth=32                         464,154         68.9 M     32
      depth=44                         658,586         97.2 M     32
      depth=56                         853,018        125.5 M     32
      depth=110                      1,727,962        252.9 M     32
    cifar_densenet  100, growth 12     769,162        287.9 M     32
      40, 12, bottleneck=False       1,019,722        264.8 M     32
      100, 24, bottleneck=False     27,249,082          6.89 G    32
      190, 40                       25,624,430          9.30 G    32
    small_vgg  20 classes            9,735,412        357.1 M     96
"""

from .alexnet import alexnet, zfnet
from .densenet import cifar_densenet, densenet, densenet121, densenet161, densenet169, densenet201, densenet264
from .googlenet import googlenet
from .inception import inception_v3
from .resnet import cifar_resnet, resnet, resnet18, resnet34, resnet50, resnet101, resnet152
from .vgg import small_vgg, vgg16, vgg19, vgg_a, vgg_a_lrn, vgg_b, vgg_c, vgg_d, vgg_e

__all__ = [
    "alexnet",
    "cifar_densenet",
    "cifar_resnet",
    "densenet",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "densenet264",
    "googlenet",
    "inception_v3",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "small_vgg",
    "vgg16",
    "vgg19",
    "vgg_a",
    "vgg_a_lrn",
    "vgg_b",
    "vgg_c",
    "vgg_d",
    "vgg_e",
]
