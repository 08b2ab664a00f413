"""GET /health/live and /health/ready: the probes of load balancers and orchestrators."""

from flask_restx import Namespace, Resource, fields

from api.context import current_model
from core.errors import ModelNotReady

namespace = Namespace("health", "For load balancers and orchestrators")

status = namespace.model("Status", {"status": fields.String(example="ok")})
OK = {"status": "ok"}
LOADING = "The model is still loading, its session is being restarted, or the service is stopping"


@namespace.route("/live")
class Live(Resource):
    @namespace.doc("live")
    @namespace.response(200, "The process answers", status)
    def get(self) -> dict[str, str]:
        """Tell whether the process is alive

        It is, if this answers. A loading model does not matter, so that nothing restarts a process that loads.
        """
        return OK


@namespace.route("/ready")
class Ready(Resource):
    @namespace.doc("ready")
    @namespace.response(200, "The model has passed its warm-up inference", status)
    @namespace.response(503, LOADING)
    def get(self) -> dict[str, str]:
        """Tell whether images can be segmented

        Until then, photos get status 503. Load balancers send no requests in the meantime.
        """
        check_ready()
        return OK


def check_ready() -> None:
    """Raise ModelNotReady if no image can be segmented, or the service stops."""
    model = current_model()
    if model.stopping:
        raise ModelNotReady("the service is stopping", 5)
    if not model.ready:
        raise ModelNotReady(model.broken or "the model is still loading", 5)
