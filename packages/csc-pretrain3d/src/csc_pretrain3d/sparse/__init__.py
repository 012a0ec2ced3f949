"""Sparse convolution in plain PyTorch, in the dialects of MinkowskiEngine and spconv; of use without the networks."""

from .joining import SparseSequential as SparseSequential
from .joining import side_by_side as side_by_side
from .minkowski import MinkowskiBatchNorm as MinkowskiBatchNorm
from .minkowski import MinkowskiConvolution as MinkowskiConvolution
from .minkowski import MinkowskiConvolutionTranspose as MinkowskiConvolutionTranspose
from .spconv import SparseConv3d as SparseConv3d
from .spconv import SparseInverseConv3d as SparseInverseConv3d
from .spconv import SparseMaxPool3d as SparseMaxPool3d
from .spconv import SubMConv3d as SubMConv3d
from .tensor import SparseTensor as SparseTensor
