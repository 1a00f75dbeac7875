/** The plugin's verbs: a pod that is marked gets its redirection or does not start, any other passes unchanged. */
import { parseRedirection, redirectionAnnotation, type Redirection } from '../sidecar/index.js';
import {
  errorCodes,
  parseRequest,
  pluginType,
  spellError,
  supportedVersions,
  type JsonObject,
  type PluginRequest,
} from './protocol.js';

/** What the plugin does to network namespaces. */
export interface Redirector {
  /** Sets the rules; repeatable. Rejects with a `RedirectError`. */
  redirect(netns: string, redirection: Redirection): Promise<void>;
  /** What is wrong with the rules in force; empty when nothing is. */
  check(netns: string, redirection: Redirection): Promise<readonly string[]>;
}

/** One call by a container runtime. */
export interface PluginCall {
  /** CNI_COMMAND, CNI_NETNS, … */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: string;
}

/** What the runtime gets. */
export interface PluginAnswer {
  readonly exitCode: 0 | 1;
  readonly stdout: string;
}

const fine: PluginAnswer = { exitCode: 0, stdout: '' };

function refuse(code: number, message: string, details?: string): PluginAnswer {
  return { exitCode: 1, stdout: spellError(code, `${pluginType}: ${message}`, details) };
}

/** Answers one call; never throws for what it is given. https://www.cni.dev/docs/spec/ */
export async function runPlugin(call: PluginCall, redirector: Redirector): Promise<PluginAnswer> {
  const command = call.env['CNI_COMMAND'] ?? '';
  switch (command) {
    case 'VERSION': {
      const stdout = JSON.stringify({ cniVersion: '1.0.0', supportedVersions });
      return { exitCode: 0, stdout };
    }
    // The rules go with the network namespace. DEL must succeed even where nothing was ever set.
    case 'DEL':
    case 'GC':
    case 'STATUS':
      return fine;
    case 'ADD':
    case 'CHECK':
      break;
    default:
      return refuse(errorCodes.invalidEnvironment, `unknown CNI_COMMAND ${command}`);
  }
  const request = parseRequest(call.stdin);
  if (!request.ok) return refuse(errorCodes.undecodable, request.error);
  const { cniVersion, prevResult } = request.value;
  if (!supportedVersions.some((each) => each === cniVersion)) {
    return refuse(errorCodes.incompatibleVersion, `cannot chain in CNI version ${cniVersion}`);
  }
  if (prevResult === undefined) {
    return refuse(errorCodes.invalidConfiguration, 'expected prevResult: it works chained only');
  }
  const answer = await serve(command, call, request.value, redirector);
  if (answer !== undefined) return answer;
  return command === 'ADD' ? { exitCode: 0, stdout: JSON.stringify(prevResult) } : fine;
}

/** Does what the annotation asks for; an answer only where that cannot be had. */
async function serve(
  command: 'ADD' | 'CHECK',
  call: PluginCall,
  request: PluginRequest,
  redirector: Redirector,
): Promise<PluginAnswer | undefined> {
  const asked = annotationOf(request.annotations);
  if (asked === undefined) return undefined;
  const redirection = parseRedirection(asked);
  // What is not understood must not run without its sidecar.
  if (!redirection.ok) {
    return refuse(errorCodes.invalidConfiguration, redirection.error.join('; '));
  }
  const netns = call.env['CNI_NETNS'] ?? '';
  if (!netns.startsWith('/')) {
    return refuse(errorCodes.invalidEnvironment, 'expected CNI_NETNS to be an absolute path');
  }
  try {
    if (command === 'ADD') {
      await redirector.redirect(netns, redirection.value);
      return undefined;
    }
    const problems = await redirector.check(netns, redirection.value);
    if (problems.length === 0) return undefined;
    return refuse(errorCodes.notRedirected, 'the pod is not redirected', problems.join('; '));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(errorCodes.notRedirected, 'the pod cannot be redirected', reason);
  }
}

function annotationOf(annotations: JsonObject | undefined): string | undefined {
  const value = annotations?.[redirectionAnnotation];
  return typeof value === 'string' ? value : undefined;
}
