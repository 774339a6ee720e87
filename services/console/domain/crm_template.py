"""The CRM template (XML) that makes 3CX report each ended call; it is uploaded in 3CX, nothing else is installed.

The XML is built as a tree, so that it is well-formed for any address or token. The dialect `crm_template` of ingress
reads what 3CX posts; a variable that 3CX cannot fill arrives as `[Name]` and is read as empty.
"""

from typing import Final
from xml.etree import ElementTree as ET

from services.console.domain.fields import RequestBody
from services.console.domain.pagination import View
from services.console.domain.secrets import OverlapSeconds

SECRET_HEADER: Final = "X-WhatsApp-Gateway-3CX-Secret"  # noqa: S105 -- a header's name
REPORTED_FIELDS: Final = {
    "call_type": "[CallType]",
    "number": "[Number]",
    "agent": "[Agent]",
    "queue": "[QueueExtension]",
    "date_time": "[DateTime]",
    "duration": "[Duration]",
}
"""The fields of each report: the key, and the 3CX variable that fills it."""
CALL_START: Final = ("call_start_time_utc", '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]')
"""3CX has no call id, so number and start identify a call. A date takes a second pass of variable substitution."""


class CrmTemplateRequest(RequestBody):
    """A new path token; older ones stay valid for the overlap."""

    overlap_seconds: OverlapSeconds = 0
    """0 ends all old path tokens at once."""


class XmlDocument(View):
    """An XML document, sent as `application/xml`."""

    text: str


def crm_template_from(webhook_url: str, *, asks_secret: bool) -> XmlDocument:
    """The template that posts to a URL. With `asks_secret`, its setup page in 3CX asks for the webhook secret."""
    root = ET.Element("Crm", Country="US", Name="WhatsAppGateway", Version="1", SupportsEmojis="true", ListPageSize="0")
    ET.SubElement(root, "Number", Prefix="AsIs", MaxLength="15")
    ET.SubElement(root, "Connection", MaxConcurrentRequests="4")
    parameters = ET.SubElement(root, "Parameters")
    if asks_secret:
        parameters.append(_parameter("Secret", "Password", "Webhook secret:", ""))
    parameters.append(_parameter("ReportCallEnabled", "Boolean", "Report calls to the gateway", "True"))
    ET.SubElement(root, "Authentication", Type="No")
    scenarios = ET.SubElement(root, "Scenarios")
    scenarios.append(_report_scenario(webhook_url, {SECRET_HEADER: "[Secret]"} if asks_secret else {}))
    ET.indent(root)
    return XmlDocument(text=f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n')


def _parameter(name: str, kind: str, title: str, default: str) -> ET.Element:
    attributes = {"Name": name, "Type": kind, "Parent": "General Configuration", "Editor": "String", "Title": title}
    return ET.Element("Parameter", attributes, Default=default)


def _report_scenario(url: str, headers: dict[str, str]) -> ET.Element:
    """The scenario that 3CX runs when a call has ended: one request."""
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
        _add_values(ET.SubElement(request, "Headers"), headers, passes=1)
    posted = ET.SubElement(request, "PostValues", Key="")
    _add_values(posted, REPORTED_FIELDS, passes=1)
    _add_values(posted, dict([CALL_START]), passes=2)
    return scenario


def _add_values(parent: ET.Element, values: dict[str, str], *, passes: int) -> None:
    for key, value in values.items():
        ET.SubElement(parent, "Value", Key=key, Passes=str(passes), Type="String").text = value
