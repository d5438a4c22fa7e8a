"""``croissant.json``: the dataset described for machines, in MLCommons' Croissant 1.0.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..base import DatasetCard
from ..reading.build_info import BuildInfo
from ..reading.schema import RowSchema

CROISSANT_NAME = "croissant.json"
_CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write_croissant(folder: Path, info: BuildInfo, card: DatasetCard, schema: RowSchema) -> None:
    """Write the Croissant description of a built dataset into its folder.

    Each split is a record set, named ``test`` or, of several configurations, ``paired/test``.
    """
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": info.name,
        "description": card.title,
        "version": f"{info.builder_version}.0.0",
        "license": card.licence,
        "url": next((word for word in card.source.split() if word.startswith("http")), "."),
        "citeAs": card.citation or card.source,
        "distribution": [part for name in info.by_split() for part in _distribution(info, name)],
        "recordSet": [_record_set(name, schema) for name in info.by_split()],
    }
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    (folder / CROISSANT_NAME).write_text(text, encoding="utf-8")


def _distribution(info: BuildInfo, name: str) -> list[dict[str, Any]]:
    """Return a split's files, and the set of them that its records are read from."""
    config, _, split = name.rpartition("/")
    config = config or next(iter(info.configs))
    path = f"{info.data_path(config)}/{split}-*.parquet"
    files = [
        {
            "@type": "cr:FileObject",
            "@id": file,
            "contentUrl": file,
            "contentSize": f"{info.files[file].size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": info.files[file].sha256,
        }
        for file in info.shards(config, split)
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": f"files-of-{name}",
        "encodingFormat": "application/x-parquet",
        "includes": path,
    }
    return [*files, together]


def _record_set(name: str, schema: RowSchema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "key": {"@id": f"{name}/sample_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.name}",
                "dataType": "sc:Text" if column.kind == "text" else "sc:ImageObject",
                "source": {
                    "fileSet": {"@id": f"files-of-{name}"},
                    "extract": {"column": column.name},
                    **({} if column.kind == "text" else {"transform": {"jsonPath": "bytes"}}),
                },
            }
            for column in schema.columns
        ],
    }
