from .network.config import VARIANTS as VARIANTS
from .network.config import GazeConfig as GazeConfig
from .network.model import GazeDPTR as GazeDPTR
from .network.model import GazeDPTRV2 as GazeDPTRV2
from .network.model import GazePTR as GazePTR
from .network.output import GazeOutput as GazeOutput
from .network.weights import load_model as load_model
from .network.weights import load_published as load_published
