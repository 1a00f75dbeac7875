/** Runs the cases of policy tests against a compiled directory. */
import { podKey, type Pod } from '../../model/index.js';
import { fieldKey, findFields, type LocatedCase, type TestCaller } from '../../sources/index.js';
import { explainQuery, type Pipeline } from '../../translators/index.js';
import { compare, reasonsOf, type Difference, type Reason } from './compare.js';

/** Why a call went the way it did, with files and lines. */
export interface LocatedReason {
  readonly says: string;
  /** `file:line Kind namespace/name field`; without the place where the object is in no file. */
  readonly from: readonly string[];
}

/** What became of a case. */
export interface CaseResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** The call in words. */
  readonly call: string;
  readonly isPassed: boolean;
  /** The call could not be made at all. */
  readonly problem?: string;
  readonly differences: readonly (Difference & { readonly line: number })[];
  readonly because: readonly LocatedReason[];
}

/** The results of all cases, in order; `directory` is where the manifests are. */
export async function runCases(
  cases: readonly LocatedCase[],
  pipeline: Pipeline,
  directory: string,
): Promise<readonly CaseResult[]> {
  const callers = placeCallers(cases, pipeline);
  const judged = cases.map((one) => judge(one, callers.get(one) ?? '', pipeline));
  const fields = judged.flatMap(({ reasons }) => reasons.flatMap(({ from }) => from));
  const places = await findFields(directory, fields);
  return judged.map(({ result, reasons }) => ({
    ...result,
    because: reasons.map(({ says, from }) => ({
      says,
      from: from.map((each) => {
        const at = places.get(fieldKey(each));
        return at === undefined
          ? fieldKey(each)
          : `${at.file}:${String(at.line)} ${fieldKey(each)}`;
      }),
    })),
  }));
}

interface Judged {
  readonly result: Omit<CaseResult, 'because'>;
  readonly reasons: readonly Reason[];
}

function judge(one: LocatedCase, from: string, pipeline: Pipeline): Judged {
  const { name, to, method, requestPath: path, headers, position } = one;
  const shown = Object.entries(headers).map(([header, value]) => `-H '${header}: ${value}'`);
  const header = {
    name,
    file: position.file,
    line: position.line,
    call: [from, to, method, path, ...shown].join(' '),
  };
  const { clusterDomain } = pipeline.settings;
  const answer = explainQuery(pipeline.view, { from, to, method, path, headers }, clusterDomain);
  if (!answer.ok) {
    const isUnknown = pipeline.view.pod(from) === undefined;
    const hint = ': from: {namespace, serviceAccount} describes a caller that is in no manifest';
    const problem = `${answer.error}${isUnknown ? hint : ''}`;
    return { result: { ...header, isPassed: false, problem, differences: [] }, reasons: [] };
  }
  const explanation = answer.value;
  const differences = compare(one.expected, explanation).map((each) => {
    const field = each.field === 'timeoutMs' ? 'timeout' : each.field;
    return { ...each, field, line: lineOf(one, field) };
  });
  return {
    result: { ...header, isPassed: differences.length === 0, differences },
    reasons: reasonsOf(differences, explanation),
  };
}

/** `backends` may stand there as `backend`. */
function lineOf(one: LocatedCase, field: string): number {
  const { line } = one.locate(field);
  return field === 'backends' && line === one.position.line ? one.locate('backend').line : line;
}

/** The pod that makes each call; one that is only described is put into the mesh. */
function placeCallers(
  cases: readonly LocatedCase[],
  pipeline: Pipeline,
): ReadonlyMap<LocatedCase, string> {
  const placed = new Map<string, Pod>();
  const callers = new Map<LocatedCase, string>();
  for (const one of cases) {
    if (one.from.kind === 'pod') {
      callers.set(one, one.from.key);
      continue;
    }
    const text = JSON.stringify(one.from);
    const known = placed.get(text)?.key ?? findPod(one.from, pipeline);
    const pod = known === undefined ? toPod(one.from, placed.size) : undefined;
    if (pod !== undefined) placed.set(text, pod);
    callers.set(one, known ?? pod?.key ?? '');
  }
  const pods = new Map([...placed.values()].map((pod) => [pod.key, pod]));
  if (pods.size > 0) pipeline.apply({ pods });
  return callers;
}

/** A pod of the manifests that is as the case describes it. */
function findPod(
  { namespace, serviceAccount, labels, isInMesh }: DescribedCaller,
  pipeline: Pipeline,
): string | undefined {
  if (!isInMesh) return undefined;
  const wanted = Object.entries(labels);
  return [...pipeline.workloads().keys()].sort().find((key) => {
    const pod = pipeline.view.pod(key);
    return (
      pod?.namespace === namespace &&
      pod.serviceAccount === serviceAccount &&
      wanted.every(([name, value]) => pod.labels[name] === value)
    );
  });
}

type DescribedCaller = TestCaller & { readonly kind: 'workload' };

/** A pod as the case describes it, at an address of TEST-NET-2 (RFC 5737), which no real pod has. */
function toPod(caller: DescribedCaller, index: number): Pod {
  const { namespace, serviceAccount, labels, isInMesh } = caller;
  const name = `${serviceAccount}-as-caller-${String(index)}`;
  return {
    kind: 'Pod',
    key: podKey(namespace, name),
    namespace,
    name,
    uid: `caller-${String(index)}`,
    labels,
    serviceAccount,
    ips: [`198.51.100.${String(index % 256)}`],
    isInMesh,
    isHostNetwork: false,
    isTerminating: false,
    isFinished: false,
    containerPorts: [],
    unredirectedPorts: [],
    probes: [],
  };
}
