// schema.ts DASHBOARD: is it what Grafana reads?  By the types of three versions of @grafana/schema, the oldest that we promise, the
// one that the pictures are drawn with, and the newest; and by what no type says.  Then each mutation of mutations.ts has to be found.
// Prints a line for each, then "N passed, N failed".  Called by check.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import ts from 'typescript';
import { fieldMatchers, getValueFormats, standardTransformers } from '@grafana/data';
import { mutations } from './mutations';

const [modules, here, file] = process.argv.slice(2);
type Board = any;
type Panel = any;

// ---- types ----
interface Release { name: string; folder: string; oldest: boolean }
const releases: Release[] = [
	{ name: 'oldest', folder: 'grafana-schema-oldest/dist/esm', oldest: true },
	{ name: 'drawn', folder: '@grafana/schema/dist/types', oldest: false },
	{ name: 'newest', folder: 'grafana-schema-newest/dist/types', oldest: false },
];
const version = (release: Release) => JSON.parse(fs.readFileSync(path.join(modules, release.folder, '../../package.json'), 'utf8')).version;
const place = (release: Release, ...names: string[]) => {
	const found = names.map((name) => path.join(modules, release.folder, name)).find((name) => fs.existsSync(`${name}.d.ts`));
	if (!found)
		throw new Error(`${release.folder} has no ${names.join(' or ')}`);
	return found;
};
const panelcfg = (release: Release, plugin: string, name: string) =>
	place(release, `raw/composable/${plugin}/panelcfg/x/types.gen`, `raw/composable/${plugin}/panelcfg/x/${name}PanelCfg_types.gen`);

function types_text(release: Release): string
{
	const places: Record<string, string> = {
		'raw/dashboard': place(release, 'raw/dashboard/x/types.gen', 'raw/dashboard/x/dashboard_types.gen'),
		'panelcfg/stat': panelcfg(release, 'stat', 'Stat'),
		'panelcfg/table': panelcfg(release, 'table', 'Table'),
		'panelcfg/timeseries': panelcfg(release, 'timeseries', 'TimeSeries'),
		'dataquery/prometheus': place(releases[0], 'raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen'),
	};
	const transformers = path.join(modules, '@grafana/data/dist/types/transformations/transformers');
	return fs.readFileSync(path.join(here, 'types.ts'), 'utf8')
		.replace(/^import type \{ FilterFieldsByName.*$/m, [['FilterFieldsByNameTransformerOptions', 'filterByName'], ['JoinByFieldOptions', 'joinByField'],
			['OrganizeFieldsTransformerOptions', 'organize']].map(([type, name]) => `import type { ${type} } from '${transformers}/${name}';`).join('\n'))
		.replace(/'GRAFANA\/([^']+)'/g, (_, name) => `'${places[name]}'`)
		.replace(/'OLDEST' extends/g, `'${release.oldest ? 'yes' : 'no'}' extends`);
}

// by_types: what the compiler says of each of these dashboards
function by_types(boards: Board[], release: Release): string[][]
{
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'board.'));
	const names = boards.map((_, i) => path.join(folder, `${i}.ts`));
	const types = path.join(folder, 'types.ts');
	const found: string[][] = boards.map(() => []);
	fs.writeFileSync(types, types_text(release));
	boards.forEach((board, i) => {
		const { panels, ...frame } = board;
		const lines = [`import type { Panels, Frame } from './types';`, `export const frame: Frame = ${JSON.stringify(frame)};`];
		for (const panel of panels)
			if (['row', 'stat', 'table', 'timeseries'].includes(panel.type))
				lines.push(`export const panel_${panel.id}_${lines.length}: Panels['${panel.type}'] = ${JSON.stringify(panel)};`);
			else
				found[i].push(`panel ${panel.id}: no schema is known of type ${panel.type}`);
		fs.writeFileSync(names[i], lines.join('\n'));
	});
	const program = ts.createProgram([types, ...names], { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext,
		moduleResolution: ts.ModuleResolutionKind.Bundler, types: [], paths: { '@grafana/schema': [place(release, 'index')], '*': [path.join(modules, '*')] } });
	const tell = (one: ts.Diagnostic) => {
		const text = one.file!.text;
		const line = text.slice(text.lastIndexOf('\n', one.start) + 1, text.indexOf(': ', one.start));
		return `${/const ([a-z]+(?:_\d+)?)/.exec(line)?.[1]} ${text.slice(one.start, one.start! + one.length!).replace(/"/g, '').slice(0, 40)}: ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`;
	};
	// A type that cannot be found is anything, and then nothing is checked.
	const broken = [...program.getGlobalDiagnostics(), ...program.getOptionsDiagnostics(), ...program.getSemanticDiagnostics(program.getSourceFile(types))];
	if (broken.length)
		throw new Error(broken.map((one) => ts.flattenDiagnosticMessageText(one.messageText, ' ')).join('\n'));
	boards.forEach((_, i) => found[i].push(...program.getSemanticDiagnostics(program.getSourceFile(names[i])).map(tell)));
	fs.rmSync(folder, { recursive: true });
	return found;
}

// ---- what no type says ----
// Units of dates ask for the browser's language, which older Nodes do not have.
Object.assign(globalThis, 'navigator' in globalThis ? {} : { navigator: { languages: ['en'] } });
const units = new Set(getValueFormats().flatMap((category) => category.submenu.map((unit) => unit.value)));
const matchers = new Set(fieldMatchers.list().map((matcher) => matcher.id));
const transformers = new Set(Object.values(standardTransformers).map((transformer) => transformer.id as string));
const known = ['__rate_interval', '__range', '__interval', '__all'];

function by_rules(board: Board): string[]
{
	const found: string[] = [];
	const fault = (text: string) => found.push(text);
	const panels: Panel[] = board.panels;

	// For a provider of dashboards, and for an import by hand.
	if (!/^[a-zA-Z0-9_-]{8,40}$/.test(board.uid ?? ''))
		fault('uid: 8 to 40 letters and digits');
	if (board.id !== null)
		fault('id: it is a server\'s own, here it is null');
	if (board.__inputs || board.__elements)
		fault('__inputs: a provider of dashboards does not fill them in');
	if (!(board.version >= 1) || !(board.schemaVersion >= 30))
		fault('version, schemaVersion');
	if (!['5s', '10s', '30s', '1m'].includes(board.refresh))
		fault(`refresh ${board.refresh}: the picker of times does not offer it`);
	if (!/^now-\d+[mhd]$/.test(board.time?.from) || board.time?.to !== 'now')
		fault('time: not up to now');

	const variables: string[] = board.templating.list.map((variable: any) => variable.name);
	const texts: string[] = [];
	const walk = (value: any, where: string, key = '') => {
		if (typeof value === 'string')
			texts.push(value);
		else if (value && typeof value === 'object') {
			if (key === 'datasource' && value.uid !== '${datasource}')
				fault(`${where}: another source of data than the variable: ${value.uid}`);
			for (const [name, member] of Object.entries(value))
				walk(member, `${where}.${name}`, name);
		}
	};
	walk(board, 'dashboard');
	const used = new Set(texts.flatMap((text) => [...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name)));
	for (const name of used)
		if (!variables.includes(name) && !known.includes(name))
			fault(`variable ${name} is used and not there`);
	for (const name of variables)
		if (!used.has(name))
			fault(`variable ${name} is not used`);

	const ids = new Set<number>();
	const titles = new Set<string>();
	let row = '';
	for (const panel of panels) {
		const where = `panel ${panel.id} (${panel.title})`;
		const at = panel.gridPos;
		if (ids.has(panel.id))
			fault(`${where}: its id is another's, too`);
		ids.add(panel.id);
		if (at.x < 0 || at.w < 1 || at.h < 1 || at.x + at.w > 24)
			fault(`${where}: beyond the edge`);
		for (const other of panels)
			if (other !== panel && at.x < other.gridPos.x + other.gridPos.w && other.gridPos.x < at.x + at.w && at.y < other.gridPos.y + other.gridPos.h && other.gridPos.y < at.y + at.h)
				fault(`${where}: over ${other.title}`);
		if (panel.type === 'row') {
			row = panel.title;
			continue;
		}
		if (!panel.title || titles.has(row + panel.title))
			fault(`${where}: no title of its own in its row`);
		titles.add(row + panel.title);
		const defaults = panel.fieldConfig?.defaults ?? {};
		const overrides = panel.fieldConfig?.overrides ?? [];
		for (const unit of [defaults.unit, ...overrides.flatMap((one: any) => one.properties).filter((one: any) => one.id === 'unit').map((one: any) => one.value)])
			if (!units.has(unit))
				fault(`${where}: no unit ${unit}`);
		for (const { matcher } of overrides)
			if (!matchers.has(matcher.id) || matcher.id === 'byRegexp' && !/^\/.*\/$/.test(matcher.options))
				fault(`${where}: matcher ${matcher.id} ${matcher.options}`);
		for (const one of panel.transformations ?? [])
			if (!transformers.has(one.id))
				fault(`${where}: transformation ${one.id}`);
		const values = (defaults.thresholds?.steps ?? []).map((step: any) => step.value ?? -Infinity);
		if (values[0] !== -Infinity || values.some((value: number, i: number) => i && value <= values[i - 1]))
			fault(`${where}: thresholds do not rise from null`);
		if (new Set(panel.targets.map((target: any) => target.refId)).size !== panel.targets.length)
			fault(`${where}: queries of one refId`);
		for (const target of panel.targets) {
			if (panel.type !== 'timeseries' !== (target.instant === true) || target.instant === target.range)
				fault(`${where} ${target.refId}: graphs ask for a range, others for a moment`);
			if (panel.type !== 'table' && !target.legendFormat)
				fault(`${where} ${target.refId}: no legend`);
			queries(target.expr ?? '', `${where} ${target.refId}`, fault);
		}
	}
	for (const annotation of board.annotations.list) {
		queries(annotation.expr, `annotation ${annotation.name}`, fault);
		if (annotation.expr !== annotation.target?.expr)
			fault(`annotation ${annotation.name}: two queries`);
	}
	return found;
}

function queries(query: string, where: string, fault: (text: string) => void): void
{
	const selectors = [...query.matchAll(/\{([^}]*)\}/g)].map(([, text]) => text);
	if (!selectors.length || selectors.some((text) => !text.includes('job=~"$job"') || !text.includes('instance=~"$instance"')))
		fault(`${where}: not of the relays that are chosen: ${query}`);
	if (/\b[a-z]\w*_(?:total|seconds|bytes|up|status|state|messages|rows|tables)\b(?!\s*\{|")/.test(query.replace(/\b(by|without|on) \([^)]*\)/g, '').replace(/\{[^}]*\}/g, '{}')))
		fault(`${where}: a metric of all relays: ${query}`);
	for (const [, window] of query.matchAll(/\[([^\]]*)\]/g))
		if (window !== '$__rate_interval')
			fault(`${where}: [${window}] is not the data's interval`);
	if (/\b(?:rate|increase|irate)\(\w+?(?<!_total|_seconds_sum|_seconds_count|_seconds_bucket)\{/.test(query))
		fault(`${where}: a rate of what is no counter: ${query}`);
}

// ---- the dashboard, and what is wrong ----
let passed = 0, failed = 0;
function result(what: string, faults: string[]): void
{
	if (faults.length)
		failed++;
	else
		passed++;
	console.log(`${faults.length ? 'FAIL' : 'ok  '}  ${what}${faults.map((text) => `\n      ${text.slice(0, 400)}`).join('')}`);
}

const text = fs.readFileSync(file, 'utf8');
const mutants = mutations.map((mutation) => {
	const board = JSON.parse(text);
	mutation.make(board, (title: string) => board.panels.find((panel: Panel) => panel.title === title && panel.type !== 'row'));
	return board;
});
const of_types = releases.map((release) => {
	const [own, ...others] = by_types([JSON.parse(text), ...mutants], release);
	result(`the types of Grafana ${version(release)}, the ${release.name}`, own);
	return others;
});
result('what no type says', by_rules(JSON.parse(text)));
mutations.forEach((mutation, i) => {
	const faults = [...of_types.flatMap((found) => found[i]), ...by_rules(mutants[i])];
	result(`found: ${mutation.what}`, faults.some((fault) => mutation.says.test(fault)) ? [] : ['it is not', ...faults]);
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
