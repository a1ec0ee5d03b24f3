"""Models of MONAI and torchvision, with random weights, before and after tconv.torch.replace: the same in inference and
through one training step."""

import copy

import pytest

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402

# Of the largest element of a tensor: the layer's roundings, magnified by the rest of a model. And of the largest of all that
# are compared: a bias before a normalisation has the gradient 0, of which both models have nothing but roundings.
TOLERANCE = {torch.float64: (1e-11, 1e-14), torch.float32: (1e-3, 1e-6)}
SEED = 1


def u_net():
    """Residual units; kernel 3, stride 2, with an output_padding."""
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    return nets.UNet(spatial_dims=2, in_channels=3, out_channels=2, channels=(8, 16, 32, 48), strides=(2, 2, 2), num_res_units=2)


def basic_u_net():
    """Kernel 2, stride 2; the results are concatenated with what the encoder kept."""
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    return nets.BasicUNet(spatial_dims=2, in_channels=3, out_channels=2, features=(8, 8, 16, 24, 32, 8), upsample="deconv")


def mask_r_cnn():
    detection = pytest.importorskip("torchvision.models.detection", reason="torchvision is not installed")
    backbone = detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    return detection.MaskRCNN(backbone, num_classes=4, min_size=64, max_size=96, box_detections_per_img=8,
                              rpn_post_nms_top_n_test=40, rpn_post_nms_top_n_train=40)


def twins(build, dtype):
    """A model as it comes and a copy whose layers are exchanged."""
    torch.manual_seed(SEED)
    model = build().to(dtype)
    layers = [name for name, module in model.named_modules() if type(module) is torch.nn.ConvTranspose2d]
    ours = tconv.torch.replace(copy.deepcopy(model))
    exchanged = [name for name, module in ours.named_modules() if type(module) is tconv.torch.ConvTranspose2d]
    assert layers and exchanged == layers
    return model, ours


def assert_same(theirs, ours, dtype):
    """Both are dictionaries of tensors."""
    assert theirs.keys() == ours.keys()
    of_tensor, of_all = TOLERANCE[dtype]
    largest = {name: tensor.abs().max().item() for name, tensor in theirs.items()}
    for name, scale in largest.items():
        expected, found = theirs[name], ours[name]
        assert found.shape == expected.shape and found.dtype == expected.dtype, name
        error = (found - expected).abs().max().item()
        assert error <= of_tensor * scale + of_all * max(largest.values()), f"{name}: {error} of {scale}"


def trained(model, loss_of):
    """What one step of SGD does: every gradient, then the loss and every weight after it."""
    torch.manual_seed(SEED)  # dropout, and the boxes that torchvision picks
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    loss = loss_of(model)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    optimizer.step()
    return gradients, {"loss": loss.detach(), **{name: p.detach() for name, p in model.named_parameters()}}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("build", [u_net, basic_u_net])
def test_u_net(build, dtype, gradients):
    gradients("input", "filter", "bias")
    theirs, ours = twins(build, dtype)
    x = torch.randn(2, 3, 48, 32, dtype=dtype)
    target = torch.randint(0, 2, (2, 48, 32))
    with torch.no_grad():
        assert_same({"y": theirs.eval()(x)}, {"y": ours.eval()(x)}, dtype)

    def loss_of(model):
        return torch.nn.functional.cross_entropy(model(x), target)

    for expected, found in zip(trained(theirs, loss_of), trained(ours, loss_of), strict=True):
        assert_same(expected, found, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_mask_r_cnn(dtype, gradients):
    gradients("input", "filter", "bias")
    theirs, ours = twins(mask_r_cnn, dtype)
    image = torch.rand(3, 64, 96, dtype=dtype)
    with torch.no_grad():
        (expected,), (found,) = theirs.eval()([image]), ours.eval()([image])
    assert len(expected["masks"]) > 0
    assert_same(expected, found, dtype)
    mask = torch.zeros(2, 64, 96, dtype=torch.uint8)
    mask[0, 12:40, 8:40] = mask[1, 20:50, 40:80] = 1
    boxes = torch.tensor([[8, 12, 40, 40], [40, 20, 80, 50]], dtype=dtype)

    def loss_of(model):
        return sum(model([image], [{"boxes": boxes, "labels": torch.tensor([1, 3]), "masks": mask}]).values())

    for expected, found in zip(trained(theirs, loss_of), trained(ours, loss_of), strict=True):
        assert_same(expected, found, dtype)
