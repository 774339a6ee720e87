"""3CX's own CRM template (XML), which reports each ended call: uploaded in 3CX, nothing else to install.

The rule: made as a tree, so that whatever an address or a token holds, it is well-formed. What is posted is what the
dialect `crm_template` reads; 3CX leaves a variable that it cannot fill as `[Name]`, and that is read as empty.
"""

from typing import Final
from xml.etree import ElementTree as ET

from services.console.domain.fields import Asked
from services.console.domain.paging import Shown
from services.console.domain.secrets import Overlap

SECRET_HEADER: Final = "X-WhatsApp-Gateway-3CX-Secret"  # noqa: S105 -- a header's name
REPORTED: Final = {
    "call_type": "[CallType]",
    "number": "[Number]",
    "agent": "[Agent]",
    "queue": "[QueueExtension]",
    "date_time": "[DateTime]",
    "duration": "[Duration]",
}
"""What is posted at the end of each call: our key, and the variable of 3CX that fills it."""
START: Final = ("call_start_time_utc", '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]')
"""There is no call id: number and start tell calls apart. It is a date, so it is written out in a second pass."""


class CrmTemplateAsked(Asked):
    """A template with a new path token in its URL; older tokens stay valid for the overlap."""

    overlap_seconds: Overlap = 0
    """0 ends all old path tokens at once."""


class XmlDocument(Shown):
    """An XML document; it is answered as it stands, as `application/xml`."""

    text: str


def crm_template(webhook_url: str, *, asks_secret: bool) -> XmlDocument:
    """The template for a URL. With `asks_secret` 3CX asks for the webhook secret where the template is set up."""
    root = ET.Element("Crm", Country="US", Name="WhatsAppGateway", Version="1", SupportsEmojis="true", ListPageSize="0")
    ET.SubElement(root, "Number", Prefix="AsIs", MaxLength="15")
    ET.SubElement(root, "Connection", MaxConcurrentRequests="4")
    parameters = ET.SubElement(root, "Parameters")
    if asks_secret:
        parameters.append(_parameter("Secret", "Password", "Webhook secret:", ""))
    parameters.append(_parameter("ReportCallEnabled", "Boolean", "Report calls to the gateway", "True"))
    ET.SubElement(root, "Authentication", Type="No")
    scenarios = ET.SubElement(root, "Scenarios")
    scenarios.append(_report(webhook_url, {SECRET_HEADER: "[Secret]"} if asks_secret else {}))
    ET.indent(root)
    return XmlDocument(text=f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n')


def _parameter(name: str, kind: str, title: str, default: str) -> ET.Element:
    told = {"Name": name, "Type": kind, "Parent": "General Configuration", "Editor": "String", "Title": title}
    return ET.Element("Parameter", told, Default=default)


def _report(url: str, headers: dict[str, str]) -> ET.Element:
    """The scenario that 3CX runs when a call has ended; it takes a request and nothing else."""
    scenario = ET.Element("Scenario", Id="ReportCall", Type="REST")
    request = ET.SubElement(
        scenario,
        "Request",
        SkipIf="[ReportCallEnabled]!=True",
        Url=url,
        MessagePasses="0",
        RequestContentType="application/json",
        RequestEncoding="Json",
        RequestType="Post",
        ResponseType="Json",
    )
    if headers:
        _add(ET.SubElement(request, "Headers"), headers, passes=1)
    posted = ET.SubElement(request, "PostValues", Key="")
    _add(posted, REPORTED, passes=1)
    _add(posted, dict([START]), passes=2)
    return scenario


def _add(parent: ET.Element, values: dict[str, str], *, passes: int) -> None:
    for key, value in values.items():
        ET.SubElement(parent, "Value", Key=key, Passes=str(passes), Type="String").text = value
