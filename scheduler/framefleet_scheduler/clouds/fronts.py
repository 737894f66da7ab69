"""Which dialects there are, and by what each is told."""

from __future__ import annotations

from framefleet.ports import Seen
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.clouds import telling
from framefleet_scheduler.clouds.alibaba.envelope import Alibaba
from framefleet_scheduler.clouds.alibaba.ice import front as ice_front
from framefleet_scheduler.clouds.alibaba.ice import telling as ice_telling
from framefleet_scheduler.clouds.alibaba.imm import front as imm_front
from framefleet_scheduler.clouds.alibaba.imm import telling as imm_telling
from framefleet_scheduler.clouds.door import Doors
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.family import Family
from framefleet_scheduler.clouds.gate import PER_SECOND, Gate
from framefleet_scheduler.clouds.tencent.envelope import Tencent
from framefleet_scheduler.clouds.tencent.mps import front as mps_front
from framefleet_scheduler.clouds.tencent.mps import telling as mps_telling
from framefleet_scheduler.clouds.tencent.vod import front as vod_front
from framefleet_scheduler.clouds.tencent.vod import telling as vod_telling
from framefleet_scheduler.clouds.visionular import front as visionular_front
from framefleet_scheduler.clouds.visionular import telling as visionular_telling
from framefleet_scheduler.clouds.wire import Answer
from framefleet_scheduler.notify import Form

_ALIBABAS = (b"AccessKeyId=", b"SignatureNonce=", b"x-acs-")


def doors(desk: Desk, seen: Seen) -> Doors:
    """Everything behind the door. Versions are the vendors' names for their APIs."""
    engine = Engine(desk)
    gate = Gate(desk, seen, Rates(PER_SECOND))
    visionular = visionular_front.Visionular(engine, gate)
    return Doors(
        gate=gate,
        alibaba=Alibaba({"2020-09-30": imm_front.Imm(engine), "2020-11-09": ice_front.Ice(engine)}),
        tencent=Tencent({"2018-07-17": vod_front.Vod(engine), "2019-06-12": mps_front.Mps(engine)}),
        by_path={visionular_front.PREFIX: visionular},
    )


def forms(desk: Desk) -> dict[str, Form]:
    """In whose words webhooks may be called."""
    told = {
        "imm": imm_telling.told,
        "ice": ice_telling.told,
        "vod": vod_telling.told,
        "mps": mps_telling.told,
        "visionular": visionular_telling.told,
    }
    return telling.forms(Engine(desk), told)


def too_long(head: bytes, message: str) -> Answer | None:
    """To a request whose line and headers are longer than is read, of which `head` has come; None: it is no cloud's SDK's.

    Nothing else asks for `/` with a query. Who it is shows only in what may be still to come, so the names of parameters decide.
    """
    if not head.startswith((b"POST /?", b"GET /?")):
        return None
    is_alibabas = head.startswith(b"POST") or any(name in head for name in _ALIBABAS)
    family: Family = Alibaba({}) if is_alibabas else Tencent({})
    return family.failure(family.new_request_id(), family.too_large(message))
