"""From an Api to an `ApiView` with the names of one language."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graft_common.declarations.api import Api
from graft_common.declarations.model import (
    ANYONE,
    Change,
    ClassDeclaration,
    ErrorDeclaration,
    Field,
    Lifecycle,
    Method,
    Param,
    Result,
    State,
)
from graft_common.declarations.types import (
    EnumType,
    MapType,
    OptionType,
    RecordType,
    RefType,
    SetType,
    Type,
)
from graft_sdk.naming import Case, Scope, Style, pascal
from graft_sdk.platform_errors import PLATFORM_ERRORS, PlatformError
from graft_sdk.view import (
    ApiView,
    ClassView,
    EnumValueView,
    EnumView,
    ErrorParamView,
    ErrorUse,
    ErrorView,
    FieldView,
    LifecycleView,
    MethodView,
    ParamView,
    RecordView,
    RefView,
    Release,
    ResultView,
)


@dataclass(frozen=True, slots=True)
class About:
    """What an SDK says of itself."""

    generator: str = "graft"
    package: str = "graft_client"
    version: str = "0.1.0"


def build(api: Api, style: Style, about: About, classes: Collection[str] = ()) -> ApiView:
    """Name everything of an API, or of some classes and what these need.

    Removed methods are left out, and with them classes that have no others.

    Raises:
        LookupError: a class that is wanted has no methods; the message tells which there are.
    """
    return _Builder(api, style, about, classes).view()


class _Builder:
    def __init__(self, api: Api, style: Style, about: About, classes: Collection[str]) -> None:
        self._api = api
        self._style = style
        self._about = about
        self._methods = {name: methods for name in api.classes if (methods := list(_offered(api.methods_of(name))))}
        missing = [name for name in classes if name not in self._methods]
        if missing:
            known = ", ".join(self._methods)
            raise LookupError(f"there is no class {missing[0]} with methods; there are {known or 'none'}")
        self._wanted = [name for name in self._methods if not classes or name in classes]
        self._used = _used(api, self._wanted, self._methods, whole=not classes)
        self._types = Scope(style, style.types, style.taken_types, style.type_forms)
        self._enums = self._types.all(self._used.enums)
        self._class_records = {name for name in self._used.records if name in api.classes}
        self._records = self._types.all(name for name in self._used.records if name not in self._class_records)
        self._records |= {
            name: self._types.name(name, "record") for name in self._used.records if name in self._class_records
        }
        self._record_types = {
            name: {form: self._types.name(pattern.format(ident)) for form, pattern in self._style.record_types.items()}
            for name, ident in self._records.items()
        }
        self._refs = {name: self._types.name(name, "ref") for name in self._used.refs}
        self._errors = {error.code: error for error in self._all_errors()}
        self._flat = Scope(style, style.methods, style.taken_methods | self._types.given)

    def view(self) -> ApiView:
        enums = tuple(self._enum(name) for name in self._used.enums)
        records = tuple(self._record(name) for name in self._used.records)
        by_name = {record.name: record for record in records}
        refs = tuple(RefView(name, self._refs[name]) for name in self._used.refs)
        members = Scope(self._style, self._style.members, self._style.taken_members).all(self._wanted)
        classes = tuple(self._class(self._api.classes[name], members[name], by_name.get(name)) for name in self._wanted)
        index: dict[tuple[str, str], object] = {}
        index |= {("enum", enum.name): enum for enum in enums}
        index |= {("record", record.name): record for record in records}
        index |= {("ref", ref.class_name): ref for ref in refs}
        index |= {("class", class_.name): class_ for class_ in classes}
        index |= {("method", method.name): method for class_ in classes for method in class_.methods}
        return ApiView(
            source=self._api,
            generator=self._about.generator,
            package=self._about.package,
            version=self._about.version,
            classes=classes,
            enums=enums,
            records=records,
            refs=refs,
            errors=tuple(self._errors[code] for code in sorted(self._errors)),
            _by_name=index,
        )

    def _scope_in(self, type_name: str, case: Case, taken: frozenset[str]) -> Scope:
        """Make a scope for the members of a type."""
        own = {type_name} if self._style.own_name_taken else frozenset[str]()
        return Scope(self._style, case, taken | own)

    def _enum(self, name: str) -> EnumView:
        declared = self._api.types.enums[name]
        scope = self._scope_in(self._enums[name], self._style.values, self._style.taken_values)
        idents = scope.all(value.name for value in declared.values)
        values = tuple(EnumValueView(value.name, idents[value.name], value.doc) for value in declared.values)
        return EnumView(name, self._enums[name], declared.doc, values)

    def _record(self, name: str) -> RecordView:
        declared = self._api.types.records[name]
        scope = self._scope_in(self._records[name], self._style.fields, self._style.taken_fields)
        offered = [field for field in declared.fields if field.lifecycle.state is not State.REMOVED]
        idents = scope.all(field.name for field in offered)
        fields = tuple(self._field(field, idents[field.name]) for field in offered)
        return RecordView(
            name=name,
            ident=self._records[name],
            doc=declared.doc,
            fields=fields,
            of_class=name in self._class_records,
            types=self._record_types[name],
            given=name in self._used.given,
        )

    def _field(self, field: Field, ident: str) -> FieldView:
        return FieldView(
            name=field.name,
            ident=ident,
            type=field.type,
            doc=field.doc,
            default=field.default,
            qualifier=field.qualifier,
            lifecycle=_lifecycle(field.lifecycle),
            secret=field.secret,
        )

    def _class(self, declared: ClassDeclaration, member: str, record: RecordView | None) -> ClassView:
        types = {
            form: self._types.name(pattern.format(declared.name)) for form, pattern in self._style.class_types.items()
        }
        methods = self._methods[declared.name]
        scope = self._flat
        names = {method.name: method.name for method in methods}
        if not self._style.flat_methods:
            scope = self._scope_in(types.get("methods", ""), self._style.methods, self._style.taken_methods)
            names = {method.name: method.short_name for method in methods}
        idents = scope.all(names.values())
        forms = {
            method.name: {
                form: scope.name(pattern.format(names[method.name]))
                for form, pattern in self._style.method_forms.items()
            }
            for method in methods
        }
        views = tuple(self._method(method, idents[names[method.name]], forms[method.name]) for method in methods)
        return ClassView(declared.name, member, types, declared.doc, _lifecycle(declared.lifecycle), views, record)

    def _method(self, method: Method, ident: str, forms: Mapping[str, str]) -> MethodView:
        scope = Scope(self._style, self._style.params, self._style.taken_params)
        idents = scope.all(param.name for param in method.params)
        return MethodView(
            name=method.name,
            short=method.short_name,
            ident=ident,
            forms=forms,
            class_name=method.class_name,
            doc=method.doc,
            role="" if method.role == ANYONE else method.role,
            session=method.session,
            params=tuple(_param(param, idents[param.name]) for param in method.params),
            result=None if method.result is None else _result(method.result),
            errors=tuple(ErrorUse(self._errors[error.code], error.doc) for error in method.errors),
            lifecycle=_lifecycle(method.lifecycle),
            idempotent=method.idempotent,
            examples=method.examples,
        )

    def _all_errors(self) -> Iterator[ErrorView]:
        """Return one error for each code, with the longest list of parameters that is told of it."""
        told: dict[str, list[ErrorDeclaration]] = {error.code: [] for error in PLATFORM_ERRORS}
        for name in self._wanted:
            for method in self._methods[name]:
                for error in method.errors:
                    told.setdefault(error.code, []).append(error)
        platform = {error.code: error for error in PLATFORM_ERRORS}
        idents = {code: self._types.name(self._style.errors.format(_error_name(code, platform))) for code in told}
        for code, declared in told.items():
            own = platform.get(code)
            lists = [error.params for error in declared]
            if own is not None:
                lists.insert(0, own.params)
            params = max(lists, key=len)
            taken = self._style.taken_fields | self._style.taken_error_params
            scope = self._scope_in(idents[code], self._style.fields, taken)
            names = [scope.name(name) for name in params]
            doc = own.doc if own is not None else next((error.doc for error in declared if error.doc), "")
            yield ErrorView(
                code=code,
                ident=idents[code],
                params=tuple(ErrorParamView(name, ident) for name, ident in zip(params, names, strict=True)),
                doc=doc,
                platform=own is not None,
            )


@dataclass(frozen=True, slots=True)
class _Used:
    """Names of what the methods need, in the order of the declarations."""

    enums: tuple[str, ...]
    records: tuple[str, ...]
    refs: tuple[str, ...]
    given: frozenset[str]
    """The records among them that parameters lead to."""


class _Needs:
    """Gathers the names that types lead to."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.enums: set[str] = set()
        self.records: set[str] = set()
        self.refs: set[str] = set()

    def type(self, kind: Type) -> None:
        match kind:
            case EnumType():
                self.enums.add(kind.name)
            case RefType():
                self.refs.add(kind.class_name)
            case SetType() | OptionType():
                self.type(kind.of)
            case MapType():
                self.type(kind.key)
                self.type(kind.value)
            case RecordType():
                self.record(kind.name)

    def record(self, name: str) -> None:
        if name not in self.records:
            self.records.add(name)
            for field in self._api.types.records[name].fields:
                if field.lifecycle.state is not State.REMOVED:
                    self.type(field.type)

    def params(self, method: Method) -> None:
        for param in method.params:
            self.type(param.type)

    def method(self, method: Method) -> None:
        self.params(method)
        if method.result is not None:
            self.type(method.result.type)


def _used(api: Api, wanted: Sequence[str], methods: Mapping[str, Sequence[Method]], *, whole: bool) -> _Used:
    """Tell what the methods of these classes need; of the whole API, everything."""
    needs = _Needs(api)
    given = _Needs(api)
    if whole:
        needs.enums.update(api.types.enums)
    for name in api.types.records:
        if whole or name in wanted:
            needs.record(name)
    for name in wanted:
        for method in methods[name]:
            needs.method(method)
            given.params(method)
    return _Used(
        tuple(name for name in api.types.enums if name in needs.enums),
        tuple(name for name in api.types.records if name in needs.records),
        tuple(_ordered(needs.refs, api.classes)),
        frozenset(given.records),
    )


def _ordered(names: Collection[str], order: Iterable[str]) -> Iterator[str]:
    """Return the names in an order, and those that it does not have behind them, sorted."""
    known = [name for name in order if name in names]
    yield from known
    yield from sorted(set(names) - set(known))


def _offered(methods: Iterable[Method]) -> Iterator[Method]:
    return (method for method in methods if method.lifecycle.state is not State.REMOVED)


def _param(param: Param, ident: str) -> ParamView:
    return ParamView(
        name=param.name,
        ident=ident,
        type=param.type,
        doc=param.doc,
        required=param.required,
        default=param.default,
        since=param.since,
        secret=param.secret,
    )


def _result(result: Result) -> ResultView:
    return ResultView(result.type, result.doc, result.secret)


def _lifecycle(lifecycle: Lifecycle) -> LifecycleView:
    last: dict[Change, Release] = {}
    for transition in lifecycle.transitions:
        last[transition.change] = Release(transition.release, transition.doc)
    begun = last.get(Change.PUBLISHED) or last.get(Change.PROTOTYPED)
    return LifecycleView(
        since=begun.name if begun else "",
        prototype=lifecycle.state is State.PROTOTYPED,
        deprecated=last.get(Change.DEPRECATED) if lifecycle.state is State.DEPRECATED else None,
    )


def _error_name(code: str, platform: Mapping[str, PlatformError]) -> str:
    """Return what the type of an error is called after, without the word that a pattern may add."""
    own = platform.get(code)
    return pascal(own.name if own is not None else code.removesuffix("_ERROR").removesuffix("_EXCEPTION") or code)
