from .data.scans import Volume as Volume
from .inference.predictor import Predictor as Predictor
from .inference.predictor import Segmentation as Segmentation
from .network.config import HSAMConfig as HSAMConfig
from .network.config import Preprocessing as Preprocessing
from .network.model import HSAM as HSAM
from .network.output import Output as Output
from .network.weights import load_model as load_model
