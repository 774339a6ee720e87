import pytest

from tools.image.copyright import licences_in

MACHINE_READABLE = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: Apache-2.0

Files: debian/*
License: Artistic or GPL-1+, and BSD-3-clause

License: Apache-2.0
 The text is in /usr/share/common-licenses/Apache-2.0, and another in /usr/share/common-licenses/GPL-3.
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(MACHINE_READABLE, ["Apache-2.0", "Artistic", "BSD-3-clause", "GPL-1+"], id="fields"),
        pytest.param("See `/usr/share/common-licenses/LGPL-2.1'.\n", ["LGPL-2.1"], id="a text that it refers to"),
        pytest.param("It is in /usr/share/common-licenses/GPL.", ["GPL"], id="a sentence that ends behind the name"),
        pytest.param("This is in the public\n  domain.", ["public-domain"], id="words on two lines"),
        pytest.param(
            "Redistribution and use in source and binary forms … Neither the name of the author …",
            ["BSD-3-clause"],
            id="the third clause",
        ),
        pytest.param(
            "Format: 1.0\nLicense:\n Redistribution and use in source and binary forms",
            ["BSD-2-clause"],
            id="a field without a name",
        ),
        pytest.param("Copyright 1999 Somebody", [], id="no licence"),
    ],
)
def test_a_copyright_file_names_its_licences(text: str, found: list[str]) -> None:
    assert licences_in(text) == found
