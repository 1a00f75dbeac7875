/** What the API server can check of each text schema: patterns and lengths, which the parser's own functions do not show. */
import { keySetUrl } from '../policy/key-set-url.js';
import {
  changeableHeader,
  cidr,
  claimHeader,
  claimName,
  comparedHeader,
  dnsName,
  duration,
  egressHost,
  headerName,
  hostname,
  idleDuration,
  keepaliveDuration,
  labels,
  method,
  namespaceName,
  objectName,
  path,
  pathPattern,
  plainText,
  portName,
  positiveDuration,
  queryName,
  ratePeriod,
  ruleName,
  serviceAccountRef,
  spiffePattern,
  tokenText,
  valuePattern,
} from '../policy/texts.js';

/** A rule in CEL, as `x-kubernetes-validations` has it. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** What is added to the JSON schema of a text. */
export interface TextRules {
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength: number;
  readonly validations?: readonly CelRule[];
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
const control = '\\x00-\\x1f\\x7f';
const labelValue = '([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?';

const durationPattern = '^(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$';
const isDuration = `self.matches('${durationPattern}')`;

/** The pattern comes first in each rule: what is no duration would stop the evaluation with an error. */
const isPositive: CelRule = {
  rule: `!${isDuration} || duration(self) >= duration('1ms')`,
  message: 'expected more than 0s',
};

function durationRules(positive: readonly CelRule[]): TextRules {
  return {
    maxLength: 64,
    validations: [
      { rule: isDuration, message: 'expected a duration such as 200ms, 5s or 1h30m' },
      {
        rule: `!${isDuration} || duration(self) <= duration('24h')`,
        message: 'expected at most 24h',
      },
      ...positive,
    ],
  };
}

/** By schema, which is the same object wherever it is used. */
export const textRules: ReadonlyMap<object, TextRules> = new Map<object, TextRules>([
  [duration, durationRules([])],
  [positiveDuration, durationRules([isPositive])],
  [
    idleDuration,
    durationRules([
      isPositive,
      {
        rule: `!${isDuration} || duration(self) <= duration('1h')`,
        message: 'expected at most 1h, when the callee’s sidecar closes it',
      },
    ]),
  ],
  [
    ratePeriod,
    durationRules([
      {
        rule: `!${isDuration} || duration(self) >= duration('50ms')`,
        message: 'expected at least 50ms',
      },
    ]),
  ],
  [
    keepaliveDuration,
    durationRules([
      {
        rule: `!${isDuration} || duration(self).getMilliseconds() % 1000 == 0`,
        message: 'expected whole seconds',
      },
    ]),
  ],
  [ruleName, { pattern: '^[a-z0-9-]{1,63}$', maxLength: 63 }],
  [namespaceName, { pattern: `^${label}$`, maxLength: 63 }],
  [objectName, { pattern: `^${subdomain}$`, maxLength: 253 }],
  [portName, { pattern: `^${label}$`, maxLength: 63 }],
  [serviceAccountRef, { pattern: `^${label}/${subdomain}$`, maxLength: 317 }],
  [spiffePattern, { pattern: '^spiffe://([A-Za-z0-9._/:-]+[*]?|[*])$', maxLength: 2048 }],
  [cidr, { pattern: '^[0-9a-fA-F:.]{2,45}/[0-9]{1,3}$', maxLength: 49 }],
  [method, { pattern: token, maxLength: 64 }],
  [path, { pattern: `^/[^ ?#${control}]*$`, maxLength: 4096 }],
  [pathPattern, { pattern: `^/[^ *?#${control}]*[*]?$`, maxLength: 4096 }],
  [
    keySetUrl,
    {
      pattern: `^[a-z]+://[a-z0-9.-]+(:[0-9]+)?(/[^ #${control}]*)?$`,
      maxLength: 1024,
      validations: [
        {
          rule: "self.startsWith('http://')",
          message: 'expected http://<service>.<namespace>[:<port>]/<path>',
        },
      ],
    },
  ],
  [plainText, { pattern: `^[^${control}]*$`, maxLength: 4096 }],
  [headerName, { pattern: token, maxLength: 256 }],
  [comparedHeader, { pattern: token, maxLength: 256 }],
  [claimHeader, { pattern: token, maxLength: 256 }],
  [claimName, { pattern: `^[^\\s${control}]+$`, maxLength: 256 }],
  [tokenText, { pattern: `^[^${control}]+$`, maxLength: 1024 }],
  [valuePattern, { pattern: `^[^*${control}]*[^${control}]$`, maxLength: 1024 }],
  [changeableHeader, { pattern: token, maxLength: 256 }],
  [queryName, { pattern: `^[^\\s&=#${control}]+$`, minLength: 1, maxLength: 256 }],
  [
    egressHost,
    {
      pattern: `^([*][.])?${subdomain}$`,
      maxLength: 253,
      validations: [
        {
          rule: "!self.matches('^[0-9.]+$')",
          message: 'expected a host name: an address is written as a cidr such as 192.0.2.1/32',
        },
        {
          rule: "self.replace('*.', '') != 'localhost' && !self.endsWith('.localhost')",
          message: 'expected a host outside the pod',
        },
      ],
    },
  ],
  // The last label begins with a letter, so that it is no address.
  [
    dnsName,
    { pattern: `^([a-z0-9]([-a-z0-9]*[a-z0-9])?\\.)*[a-z]([-a-z0-9]*[a-z0-9])?$`, maxLength: 253 },
  ],
  [hostname, { pattern: `^${subdomain}$`, maxLength: 253 }],
]);

/** Schemas of labels: at least one, so that a selector never means everybody. */
export const labelMaps: ReadonlySet<object> = new Set<object>([labels]);

/** What is added to the values of a map of labels. */
export const labelValueRules: TextRules = { pattern: `^${labelValue}$`, maxLength: 63 };
