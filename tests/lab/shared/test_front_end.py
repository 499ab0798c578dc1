"""How the kernel handles events of the browser."""

from __future__ import annotations

import ast
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

FORM = """
import threading, time
import ipywidgets as widgets
from facesort.lab.shared.front_end import serialize_widget_events

serialize_widget_events()
name, button, handled = widgets.Text(), widgets.Button(), []

def press(_):
    handled.append((name.value, threading.current_thread() is threading.main_thread()))
    button.tooltip = name.value  # ipykernel routes later events to the thread that wrote last

button.on_click(press)
"""


def value(kernel: BlockingKernelClient, expression: str, code: str = "") -> Any:
    """The expression's value after the code and all earlier requests have run."""
    reply = kernel.execute_interactive(
        code, user_expressions={"it": expression}, timeout=60, output_hook=lambda _: None
    )["content"]
    assert reply["status"] == "ok", reply
    return ast.literal_eval(reply["user_expressions"]["it"]["data"]["text/plain"])


def test_a_button_is_handled_after_the_name_typed_before_it(
    kernel: BlockingKernelClient,
) -> None:
    name, button = value(kernel, "(name.comm.comm_id, button.comm.comm_id)", FORM)
    kernel.control_channel.send(kernel.session.msg("create_subshell_request", {}))
    subshell = kernel.get_control_msg(timeout=60)["content"]["subshell_id"]

    def touch(widget: str, **data: Any) -> None:
        message = kernel.session.msg("comm_msg", {"comm_id": widget, "data": data})
        message["header"]["subshell_id"] = subshell
        kernel.shell_channel.send(message)

    touch(button, method="custom", content={"event": "click"})
    assert value(kernel, "handled") == [("", True)]
    kernel.execute("time.sleep(1)")  # the main thread is busy
    touch(name, method="update", state={"value": "Grace"})
    touch(button, method="custom", content={"event": "click"})
    assert value(kernel, "handled", "time.sleep(1)") == [("", True), ("Grace", True)]


LIVE = """
import ipywidgets as widgets
from facesort.lab.shared.session import Live

def content():
    return widgets.HTML(now) if now else "nobody"

def alive():
    state = widgets.Widget.get_manager_state()["state"].values()
    return len(state), [part["state"]["value"] for part in state if part["model_name"] == "HTMLModel"]

now = "Ada"
live = Live(content)
display(live)
"""


def test_a_refreshed_display_leaves_no_old_widgets(kernel: BlockingKernelClient) -> None:
    one = 3  # a widget, its style and its layout
    assert value(kernel, "alive()", LIVE) == (one, ["Ada"])
    for now, left in (("Ben", (one, ["Ben"])), ("", (0, [])), ("", (0, [])), ("Cy", (one, ["Cy"]))):
        assert value(kernel, "alive()", f"now = {now!r}; live.refresh()") == left
