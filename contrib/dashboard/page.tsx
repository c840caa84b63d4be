// page.tsx: a dashboard as Grafana's own components draw it: @grafana/ui's panels, graphs, values and tables, with the units,
// colours, thresholds and reductions of @grafana/data.  What is in Grafana itself and in no package is here: the grid, variables,
// and from Prometheus' answers to frames.  Annotations are asked for and not drawn.
//
//	index.html?to=SECONDS&range=SECONDS&scrape=SECONDS&theme=dark&width=1600&board=FILE
//
// window.report has, once it is there, what each panel has shown; window.faults what went wrong.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import {
	cacheFieldDisplayNames, DataFrame, DataFrameType, dateTime, DisplayValueAlignmentFactors, Field, FieldConfigOptionsRegistry, FieldConfigSource, FieldType, getFieldDisplayName,
	getFieldDisplayValues, GrafanaTheme2, applyFieldOverrides, createTheme, rangeUtil, ThemeContext, TimeRange, getDisplayValueAlignmentFactors,
	standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { firstValueFrom } from 'rxjs';

const arguments_ = new URLSearchParams(location.search);
const toS = Math.floor(Number(arguments_.get('to') ?? Date.now() / 1000));
const rangeS = Number(arguments_.get('range') ?? 3600);
const scrapeS = Number(arguments_.get('scrape') ?? 15);
const width = Number(arguments_.get('width') ?? 1600);
const theme: GrafanaTheme2 = createTheme({ colors: { mode: arguments_.get('theme') === 'light' ? 'light' : 'dark' } });
const range: TimeRange = { from: dateTime((toS - rangeS) * 1000), to: dateTime(toS * 1000), raw: { from: `now-${rangeS}s`, to: 'now' } };

const faults: string[] = [];
const report: PanelReport[] = [];
interface PanelReport
{
	id: number;
	title: string;
	type: string;
	targets: Array<{ refId: string; expr: string; points: number }>;
	names: string[];                                        // of lines, values or columns, as they are shown
	overrides: Array<{ pattern: string; regexp: boolean; matches: boolean }>;
}
interface Target { refId: string; expr: string; legendFormat?: string; format?: string; instant?: boolean }
interface Series { metric: Record<string, string>; values: Array<[number, string]> }
// The file is checked by schema.mjs, before; here it is what it is.
type Panel = any;

// ---- Grafana's registries, which it fills at its start ----
// joinByField is in it twice.
const transformers = new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation]));
standardTransformersRegistry.setInit(() => [...transformers.values()].map((transformation) =>
	({ id: transformation.id, name: transformation.name, transformation, editor: () => null, imageDark: '', imageLight: '' })));
const properties = new FieldConfigOptionsRegistry(() => [
	...['unit', 'min', 'max', 'decimals', 'displayName', 'color', 'thresholds', 'mappings', 'noValue', 'links'].map((id) => property(id, id, false)),
	...['lineWidth', 'lineStyle', 'fillOpacity', 'drawStyle', 'lineInterpolation', 'axisPlacement', 'stacking', 'cellOptions', 'width', 'align', 'hideFrom', 'thresholdsStyle']
		.map((id) => property(`custom.${id}`, id, true)),
]);
function property(id: string, path: string, isCustom: boolean): any
{
	return { id, path, isCustom, name: id, editor: () => null, override: () => null, process: (value: unknown) => value, shouldApply: () => true };
}

// ---- Prometheus ----
async function ask(path: string, parameters: Record<string, string>): Promise<any>
{
	const reply = await (await fetch(`/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
	if (reply.status !== 'success')
		throw new Error(`${reply.error}: ${parameters.query ?? path}`);
	for (const warning of reply.warnings ?? [])
		faults.push(`${warning}: ${parameters.query ?? path}`);
	return reply.data;
}

const variables: Record<string, string> = {};

// Every value, as Grafana writes "All" of a variable with many into a regular expression.
async function variable_read(variable: any): Promise<void>
{
	const [, metric, label] = /^label_values\((.*), *(\w+)\)$/.exec(interpolate(variable.query.query, {})) ?? [];
	if (!label)
		throw new Error(`variable ${variable.name}: ${variable.query.query}`);
	const values: string[] = await ask(`label/${label}/values`, { 'match[]': metric, start: String(toS - rangeS), end: String(toS) });
	if (!values.length)
		faults.push(`variable ${variable.name} has no value`);
	const escaped = values.map((value) => value.replace(/[\\^$*+?.()|[\]{}]/g, '\\\\$&'));
	variables[variable.name] = escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
}

function interpolate(text: string, more: Record<string, string>): string
{
	return text.replace(/\$\{?(\w+)\}?/g, (all, name) => more[name] ?? variables[name] ?? all);
}

// target_ask: its answer as frames, a series each; or one of a row for each, as tables have it
async function target_ask(target: Target, pixels: number, alone: boolean): Promise<{ frames: DataFrame[]; points: number }>
{
	const stepMs = rangeUtil.calculateInterval(range, pixels, `${scrapeS}s`).intervalMs;
	const rateS = Math.max(stepMs / 1000 + scrapeS, 4 * scrapeS);
	const query = interpolate(target.expr, { __rate_interval: `${rateS}s`, __range: `${rangeS}s`, __interval: `${stepMs}ms` });
	if (query.includes('$'))
		faults.push(`a variable that nobody knows: ${query}`);
	const stepS = stepMs / 1000;
	const [start, end] = [toS - rangeS, toS].map((time) => Math.floor(time / stepS) * stepS);
	const data = await (target.instant ? ask('query', { query, time: String(toS) })
		: ask('query_range', { query, start: String(start), end: String(end), step: String(stepS) })).catch((error) => {
		faults.push(String(error));
		return { result: [] };
	});
	const series: Series[] = data.result.map((one: any) => ({ metric: one.metric, values: one.values ?? [one.value] }));
	const points = series.reduce((sum, one) => sum + one.values.filter(([, value]) => value !== 'NaN').length, 0);
	return { frames: target.format === 'table' ? [frame_of_rows(series, target, alone)] : series.map((one) => frame_of_series(one, target, target.instant ? [toS] : times(start, end, stepS))), points };
}

const times = (start: number, end: number, step: number) => Array.from({ length: Math.floor((end - start) / step + 1.5) }, (_, i) => start + i * step);

// What is no number is not drawn, and would spoil its scale.
const number_of = (text: string) => Number.isFinite(Number(text)) ? Number(text) : null;

// Where a series has nothing its line has a gap.
function frame_of_series(series: Series, target: Target, moments: number[]): DataFrame
{
	const values = new Map(series.values.map(([time, value]) => [Math.round(time * 1000), number_of(value)]));
	const { __name__, ...labels } = series.metric;
	const name = (target.legendFormat ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (all, label) => {
		if (labels[label] === undefined)
			faults.push(`no label ${label} for the legend of ${target.expr}`);
		return labels[label] ?? all;
	})
		|| `${__name__ ?? ''}{${Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(', ')}}`;
	return { refId: target.refId, length: moments.length, meta: { type: DataFrameType.TimeSeriesMulti }, fields: [
		{ name: 'Time', type: FieldType.time, config: {}, values: moments.map((time) => time * 1000) },
		{ name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: name }, values: moments.map((time) => values.get(Math.round(time * 1000)) ?? null) },
	] };
}

function frame_of_rows(series: Series[], target: Target, alone: boolean): DataFrame
{
	const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
	return { refId: target.refId, length: series.length, fields: [
		{ name: 'Time', type: FieldType.time, config: {}, values: series.map((one) => one.values[0][0] * 1000) },
		...labels.map((label) => ({ name: label, type: FieldType.string, config: {}, values: series.map((one) => one.metric[label] ?? '') })),
		{ name: alone ? 'Value' : `Value #${target.refId}`, type: FieldType.number, config: {}, values: series.map((one) => number_of(one.values[0][1])) },
	] };
}

// ---- panels ----
// Its sizes are Grafana's: 24 columns, rows of 30 pixels, 8 between them.
const column = (width - 16 - 23 * 8) / 24;
const place = (at: { x: number; y: number; w: number; h: number }) =>
	({ left: 8 + at.x * (column + 8), top: at.y * 38, width: at.w * column + (at.w - 1) * 8, height: at.h * 30 + (at.h - 1) * 8 });

async function frames_of(panel: Panel): Promise<DataFrame[]>
{
	const targets: Target[] = panel.targets;
	const answers = await Promise.all(targets.map((target) => target_ask(target, place(panel.gridPos).width, targets.length === 1)));
	let frames = answers.flatMap((answer) => answer.frames);
	if (panel.transformations?.length)
		frames = await firstValueFrom(transformDataFrame(panel.transformations, frames, { interpolate: (text: string) => interpolate(text, {}) }));
	frames = applyFieldOverrides({ data: frames, fieldConfig: panel.fieldConfig, fieldConfigRegistry: properties, replaceVariables: (text) => interpolate(text, {}), theme, timeZone: 'utc' });
	cacheFieldDisplayNames(frames);
	const names = frames.flatMap((frame) => frame.fields.filter((field: Field) => panel.type === 'table' || field.type === FieldType.number).map((field) => getFieldDisplayName(field, frame, frames)));
	for (const renamed of frames.length && frames[0].length ? panel.transformations?.flatMap((one: any) => Object.values(one.options.renameByName ?? {})) ?? [] : [])
		if (!names.includes(renamed))
			faults.push(`panel ${panel.title}: there is no column to be called ${renamed}`);
	report.push({
		id: panel.id, title: panel.title, type: panel.type, names,
		targets: targets.map(({ refId, expr }, i) => ({ refId, expr, points: answers[i].points })),
		overrides: panel.fieldConfig.overrides.map(({ matcher: { id, options } }: any) => ({ pattern: options, regexp: id === 'byRegexp',
			matches: names.some((name) => id === 'byRegexp' ? new RegExp(options.slice(1, -1)).test(name) : name === options) })),
	});
	return frames;
}

function Drawn({ panel, frames, width, height }: { panel: Panel; frames: DataFrame[]; width: number; height: number })
{
	const empty = !frames.some((frame) => frame.length);
	const options = panel.options;
	if (empty && panel.type !== 'stat')
		return <div style={{ display: 'flex', width, height, alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
	switch (panel.type) {
	case 'timeseries':
		return <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" width={width} height={height} legend={options.legend} options={options} />;
	case 'table':
		return <TableNG data={frames[0]} width={width} height={height} showTypeIcons={false} cellHeight={options.cellHeight} initialSortBy={options.sortBy}
			noHeader={!options.showHeader} fieldConfig={panel.fieldConfig as FieldConfigSource} structureRev={1} />;
	case 'stat':
		return <Values panel={panel} frames={frames} width={width} height={height} />;
	}
	throw new Error(`panel ${panel.title}: there is nothing to draw ${panel.type} with`);
}

function Values({ panel, frames, width, height }: { panel: Panel; frames: DataFrame[]; width: number; height: number })
{
	const options = panel.options;
	const get = () => getFieldDisplayValues({ fieldConfig: panel.fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text) => interpolate(text, {}), theme, data: frames,
		sparkline: options.graphMode !== 'none', timeZone: 'utc' });
	return <VizRepeater source={frames} getValues={get} getAlignmentFactors={getDisplayValueAlignmentFactors} renderCounter={1} width={width} height={height} orientation={options.orientation}
		autoGrid itemSpacing={3} renderValue={({ value, alignmentFactors, width, height, count }: any) =>
			<BigValue value={value.display} count={count} sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode}
				textMode={options.textMode} alignmentFactors={alignmentFactors as DisplayValueAlignmentFactors} text={options.text} width={width} height={height} theme={theme} />} />;
}

class Guard extends React.Component<{ title: string; children: React.ReactNode }, { broken: boolean }>
{
	state = { broken: false };
	static getDerivedStateFromError() { return { broken: true }; }
	componentDidCatch(error: Error) { faults.push(`panel ${this.props.title}: ${error.message}`); }
	render() { return this.state.broken ? null : this.props.children; }
}

function Board({ board, frames }: { board: any; frames: Map<number, DataFrame[]> })
{
	const height = Math.max(...board.panels.map((panel: Panel) => panel.gridPos.y + panel.gridPos.h)) * 38;
	return <ThemeContext.Provider value={theme}>
		<GlobalStyles />
		<div style={{ position: 'relative', width, height: height + 48, background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
			<div style={{ padding: 12, height: 40 }}>{board.title}, {range.from.utc().format('YYYY-MM-DD HH:mm:ss')} to {range.to.utc().format('HH:mm:ss')} UTC;
				{Object.entries(variables).map(([name, value]) => ` ${name} ${value}`).join(';')}</div>
			<div style={{ position: 'absolute', top: 44 }}>
				{board.panels.map((panel: Panel) => <div key={panel.id} id={`panel-${panel.id}`} style={{ position: 'absolute', ...place(panel.gridPos) }}>
					{panel.type === 'row' ? <h6 style={{ padding: '6px 4px' }}>⌄ {panel.title}</h6>
						: <Guard title={panel.title}><PanelChrome title={panel.title} description={panel.description || undefined} width={place(panel.gridPos).width} height={place(panel.gridPos).height}>
							{(width, height) => <Drawn panel={panel} frames={frames.get(panel.id)!} width={width} height={height} />}
						</PanelChrome></Guard>}
				</div>)}
			</div>
		</div>
	</ThemeContext.Provider>;
}

async function show(): Promise<void>
{
	const board = await (await fetch(arguments_.get('board') ?? 'board.json')).json();
	for (const variable of board.templating.list.filter((variable: any) => variable.type === 'query'))
		await variable_read(variable);
	const frames = new Map<number, DataFrame[]>();
	for (const panel of board.panels.filter((panel: Panel) => panel.type !== 'row'))
		frames.set(panel.id, await frames_of(panel));
	for (const annotation of board.annotations.list.filter((annotation: any) => annotation.target?.expr))
		await target_ask(annotation.target, width, true);
	await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 12px Inter`)));
	document.body.style.margin = '0';
	createRoot(document.getElementById('root')!).render(<Board board={board} frames={frames} />);
}

// coloured ID: how many pixels of its graph are, which lines are and axes are not
function coloured(id: number): number
{
	let count = 0;
	for (const canvas of document.querySelectorAll<HTMLCanvasElement>(`#panel-${id} canvas`)) {
		const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
		for (let i = 0; i < data.length; i += 4)
			if (data[i + 3] > 16 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40)
				count++;
	}
	return count;
}

Object.assign(window, { report, faults, coloured });
show().catch((error) => faults.push(String(error))).finally(() => Object.assign(window, { shown: true }));
