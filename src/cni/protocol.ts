/** The CNI protocol as a chained plugin meets it: what comes in by stdin, what goes out. */
import { fail, ok, type Result } from '../lib/index.js';

/** The executable's name, and the plugin's type in a configuration list. */
export const pluginType = 'skerry-cni';

/**
 * By this capability containerd (1.5 and later) and CRI-O (1.28 and later) hand the annotations of
 * a pod to a plugin that asks for them: https://github.com/containerd/containerd/pull/5026 and
 * https://github.com/cri-o/cri-o/issues/7122.
 */
export const annotationsCapability = 'io.kubernetes.cri.pod-annotations';

/** Versions of the protocol that know chaining by `prevResult`. */
export const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

/** Codes of errors: https://www.cni.dev/docs/spec/#error; from 100 on they are the plugin's own. */
export const errorCodes = {
  incompatibleVersion: 1,
  invalidEnvironment: 4,
  undecodable: 6,
  invalidConfiguration: 7,
  notRedirected: 100,
} as const;

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Narrows to a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a JSON object; the error is one line. */
export function parseObjectText(text: string): Result<JsonObject, string> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? ok(value) : fail('expected a JSON object');
  } catch (error) {
    return fail(`expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What a runtime says about one pod. */
export interface PluginRequest {
  readonly cniVersion: string;
  /** The result of the plugins before; absent where there were none. */
  readonly prevResult: JsonObject | undefined;
  /** The pod's annotations; undefined where the runtime does not hand them over. */
  readonly annotations: JsonObject | undefined;
}

/** Reads the configuration on stdin. */
export function parseRequest(stdin: string): Result<PluginRequest, string> {
  const parsed = parseObjectText(stdin);
  if (!parsed.ok) return parsed;
  const { cniVersion, prevResult, runtimeConfig } = parsed.value;
  const annotations = isObject(runtimeConfig) ? runtimeConfig[annotationsCapability] : undefined;
  return ok({
    cniVersion: typeof cniVersion === 'string' ? cniVersion : '0.1.0',
    prevResult: isObject(prevResult) ? prevResult : undefined,
    annotations: isObject(annotations) ? annotations : undefined,
  });
}

/** An error as a runtime reads it from stdout. */
export function spellError(code: number, message: string, details = ''): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    code,
    msg: message,
    ...(details === '' ? {} : { details }),
  });
}
