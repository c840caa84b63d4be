// types.ts: what a dashboard's file is, by the types in @grafana/schema.  schema.ts puts the places of one of its versions for
// GRAFANA/... and has the compiler read panels and dashboards as literals of these types, which finds what is missing, of the
// wrong type, or unknown.  Nothing here runs.
import type * as common from '@grafana/schema';
import type { Dashboard, FieldConfig, FieldConfigSource, GridPos, AnnotationQuery, VariableModel, RowPanel, DataSourceRef } from 'GRAFANA/raw/dashboard';
import type * as stat from 'GRAFANA/panelcfg/stat';
import type * as table from 'GRAFANA/panelcfg/table';
import type * as timeseries from 'GRAFANA/panelcfg/timeseries';
import type { PrometheusDataQuery } from 'GRAFANA/dataquery/prometheus';
import type { FilterFieldsByNameTransformerOptions, JoinByFieldOptions, OrganizeFieldsTransformerOptions } from 'GRAFANA/transformers';

// A file has texts and numbers where the types have members of enums, and null where a threshold is -Infinity.
type Plain<T> = T extends { color: string; value: number | null } ? { color: string; value: number | null }
	: T extends string ? `${T}` : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
	: T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
// What a version has added since the oldest may be missing: then its default holds.
type Loose<T> = T extends Array<infer E> ? Array<Loose<E>> : T extends object ? { [K in keyof T]?: Loose<T[K]> } : T;
type Complete<T> = 'OLDEST' extends 'yes' ? Plain<T> : Loose<Plain<T>>;

type Defaults<Custom> = Omit<Plain<FieldConfig>, 'custom'> & { custom?: Complete<Custom> };
type Property<Custom> = { [K in keyof Custom & string]-?: { id: `custom.${K}`; value: Loose<Plain<NonNullable<Custom[K]>>> } }[keyof Custom & string]
	| { [K in Exclude<keyof FieldConfig, 'custom'>]-?: { id: K; value: Plain<NonNullable<FieldConfig[K]>> } }[Exclude<keyof FieldConfig, 'custom'>];
interface Override<Custom> { matcher: { id: 'byName' | 'byRegexp'; options: string }; properties: Array<Property<Custom>> }
type Transformation = { id: 'joinByField'; options: Plain<JoinByFieldOptions> } | { id: 'organize'; options: Plain<OrganizeFieldsTransformerOptions> }
	| { id: 'filterFieldsByName'; options: Plain<FilterFieldsByNameTransformerOptions> };
interface PanelOf<Type extends string, Options, Custom>
{
	id: number;
	type: Type;
	title: string;
	description: string;
	datasource: DataSourceRef;
	gridPos: Plain<GridPos>;
	targets: Array<Plain<Omit<PrometheusDataQuery, 'datasource'>> & { datasource: DataSourceRef }>;
	transformations?: Transformation[];
	fieldConfig: Omit<FieldConfigSource, 'defaults' | 'overrides'> & { defaults: Defaults<Custom>; overrides: Array<Override<Custom>> };
	options: Complete<Options>;
}
export type Panels = {
	row: Plain<RowPanel>;
	stat: PanelOf<'stat', stat.Options, Record<string, never>>;
	table: PanelOf<'table', table.Options, common.TableFieldOptions>;
	timeseries: PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;
};
// Of annotations the schema has what is Grafana's own; the others are what its source of data for Prometheus reads.
type Annotation = Omit<Plain<AnnotationQuery>, 'target'>
	& { expr: string; target: { refId: string; expr: string; datasource: DataSourceRef }; titleFormat: string; textFormat: string; useValueForTime?: boolean };
// The oldest schema lacks members of variables that its Grafana has: frames are checked by the others.
export type Frame = 'OLDEST' extends 'yes' ? object
	: Omit<Plain<Dashboard>, 'panels' | 'annotations' | 'templating'> & { annotations: { list: Annotation[] }; templating: { list: Array<Plain<VariableModel>> } };
