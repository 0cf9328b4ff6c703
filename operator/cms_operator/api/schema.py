"""A pydantic model as a structural schema, as a CustomResourceDefinition wants it."""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED = {"$defs", "title", "const", "default", "propertyNames"}
_INT32_END = 2**31


def structural_schema(model: type[BaseModel]) -> Schema:
    raw = model.model_json_schema(by_alias=True)
    return _convert(raw, raw.get("$defs", {}))


def _convert(raw: Schema, definitions: dict[str, Schema]) -> Schema:
    source = _without_null(_inline(raw, definitions), definitions)
    schema = {key: source[key] for key in sorted(source.keys() - _DROPPED)}
    if "const" in source:
        schema["enum"] = [source["const"]]
    if "properties" in source:
        schema["properties"] = {
            name: _convert(value, definitions) for name, value in source["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in source:
            schema[key] = _convert(source[key], definitions)
    if schema.get("type") == "integer":
        schema["format"] = "int64" if schema.get("maximum", _INT32_END) >= _INT32_END else "int32"
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    return _with_default(schema, source.get("default"))


def _inline(raw: Schema, definitions: dict[str, Schema]) -> Schema:
    """What stands beside a reference (description, default) outranks what it refers to."""
    if "$ref" not in raw:
        return raw
    target = _inline(definitions[raw["$ref"].removeprefix("#/$defs/")], definitions)
    return {**target, **{key: value for key, value in raw.items() if key != "$ref"}}


def _without_null(source: Schema, definitions: dict[str, Schema]) -> Schema:
    """Optional means absent, never null."""
    choices = [choice for choice in source.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return source
    rest = {key: value for key, value in source.items() if key != "anyOf"}
    return {**_inline(choices[0], definitions), **rest}


def _with_default(schema: Schema, default: Any) -> Schema:
    pruned = _prune(default, schema)
    if pruned is None:
        return schema
    return {"default": pruned, **schema}


def _prune(default: Any, schema: Schema) -> Any:
    """An empty list or map means the same as none, so that it need not be stored each time."""
    if isinstance(default, dict) and "properties" in schema:
        pruned = {
            name: _prune(value, schema["properties"][name]) for name, value in default.items()
        }
        return {name: value for name, value in pruned.items() if value is not None}
    if isinstance(default, list) and "items" in schema:
        return [_prune(item, schema["items"]) for item in default] or None
    return None if default in ([], {}, "") else default
