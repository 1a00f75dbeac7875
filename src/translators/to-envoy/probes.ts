/** How the app's probes are answered: HTTP by asking the app, TCP and gRPC from a cluster that is health-checked. */
import type { ReadinessIr } from '../../ir/index.js';
import { probePath, type Probe, type ProbeCheck } from '../../model/index.js';
import { spellInboundSource } from './cluster.js';
import type {
  Cluster,
  HeaderMatcher,
  HealthCheck,
  HttpFilter,
  HttpProtocolOptions,
  Route,
} from '../../envoy/index.js';
import { spellAddress, spellDuration } from './values.js';

/** An app that was not yet there, or is there again, is seen within this. */
const unhealthyIntervalMs = 1_000;

/** What the kubelet calls itself; applications leave it out of their logs by that. */
const userAgent = 'kube-probe/skerry';

/**
 * Anybody can call this port, so a probe carries nothing from its caller to the app and nothing
 * but a status back: neither headers nor a body, which may be what authorization keeps from others.
 * Envoy finds no route without x-forwarded-proto, which it has set itself and the route removes.
 */
const stripping = `local function strip(message)
  local headers, names = message:headers(), {}
  for name in pairs(headers) do
    local isKept = name:sub(1, 1) == ":" or name == "x-forwarded-proto"
    if not isKept then names[#names + 1] = name end
  end
  for _, name in ipairs(names) do headers:remove(name) end
  for chunk in message:bodyChunks() do chunk:setBytes("") end
end
envoy_on_request = strip
envoy_on_response = strip
`;

type Http = Probe & { readonly check: Extract<ProbeCheck, { kind: 'http' }> };

function isHttp(probe: Probe): probe is Http {
  return probe.check.kind === 'http';
}

function clusterName({ container, kind }: Probe): string {
  return `probe/${container}/${kind}`;
}

/** One cluster for each probe, at the pod's own address. */
export function spellProbeClusters({ ip, probes }: ReadinessIr): Cluster[] {
  return probes.map((probe): Cluster => {
    const name = clusterName(probe);
    const endpoint = { address: spellAddress(ip, probe.port) };
    return {
      name,
      type: 'STATIC',
      connect_timeout: spellDuration(probe.timeoutMs),
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
      // As what comes from callers: redirection leaves it alone.
      upstream_bind_config: spellInboundSource(),
      ...spellCheck(probe, ip),
    };
  });
}

function spellCheck(probe: Probe, ip: string): Partial<Cluster> {
  const { check, port } = probe;
  switch (check.kind) {
    case 'http':
      return check.scheme === 'https'
        ? { ...spellUnverifiedTls(), ...spellProtocol(eitherHttp) }
        : spellProtocol(http1);
    case 'tcp':
      return { health_checks: [{ ...spellPace(probe), tcp_health_check: {} }] };
    case 'grpc': {
      const grpc = { service_name: check.service, authority: formatHost(ip, port) };
      return {
        ...spellProtocol({ explicit_http_config: { http2_protocol_options: {} } }),
        health_checks: [{ ...spellPace(probe), grpc_health_check: grpc }],
      };
    }
  }
}

const http1: HttpProtocolOptions = { explicit_http_config: { http_protocol_options: {} } };
const eitherHttp: HttpProtocolOptions = {
  auto_config: { http_protocol_options: {}, http2_protocol_options: {} },
};

/** A connection for each probe, as the kubelet does it. */
function spellProtocol(protocol: HttpProtocolOptions): Partial<Cluster> {
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        common_http_protocol_options: { max_requests_per_connection: 1 },
        ...protocol,
      },
    },
  };
}

function spellUnverifiedTls(): Partial<Cluster> {
  const params = {
    tls_minimum_protocol_version: 'TLSv1_2',
    // The client's own maximum is TLS 1.2 unless set (measured on Envoy 1.40).
    tls_maximum_protocol_version: 'TLSv1_3',
  } as const;
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        common_tls_context: { tls_params: params },
      },
    },
  };
}

/**
 * The kubelet counts failures, so each check counts here. No request ever goes to such a cluster,
 * for which Envoy has intervals of its own.
 */
function spellPace({ periodMs, timeoutMs }: Probe): HealthCheck {
  const healthy = spellDuration(periodMs);
  const unhealthy = spellDuration(Math.min(periodMs, unhealthyIntervalMs));
  return {
    timeout: spellDuration(timeoutMs),
    interval: healthy,
    unhealthy_interval: unhealthy,
    no_traffic_interval: unhealthy,
    no_traffic_healthy_interval: healthy,
    healthy_threshold: 1,
    unhealthy_threshold: 1,
    reuse_connection: false,
  };
}

/** Answers the TCP and gRPC probes, and lets HTTP probes pass bare. */
export function spellProbeFilters({ probes }: ReadinessIr): HttpFilter[] {
  const checked = probes.filter((probe) => !isHttp(probe));
  return [...checked.map(spellAnswer), ...(probes.some(isHttp) ? [spellStripping()] : [])];
}

function spellAnswer(probe: Probe): HttpFilter {
  return {
    name: 'envoy.filters.http.health_check',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck',
      pass_through_mode: false,
      headers: [matchPath(probe)],
      cluster_min_healthy_percentages: { [clusterName(probe)]: { value: 100 } },
    },
  };
}

function spellStripping(): HttpFilter {
  return {
    name: 'envoy.filters.http.lua',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
      default_source_code: { inline_string: stripping },
    },
  };
}

/** The whole path with its query: a caller must not add one. */
function matchPath({ container, kind }: Probe): HeaderMatcher {
  return { name: ':path', string_match: { exact: probePath(container, kind) } };
}

/** The routes of the HTTP probes. */
export function spellProbeRoutes({ ip, probes }: ReadinessIr): Route[] {
  return probes.filter(isHttp).map((probe): Route => {
    const { check, container, kind, port, timeoutMs } = probe;
    const cluster = clusterName(probe);
    const hasAgent = check.headers.some(({ name }) => name.toLowerCase() === 'user-agent');
    const headers = hasAgent
      ? check.headers
      : [{ name: 'user-agent', value: userAgent }, ...check.headers];
    return {
      name: cluster,
      match: {
        path: probePath(container, kind),
        headers: [{ name: ':method', string_match: { exact: 'GET' } }, matchPath(probe)],
      },
      route: {
        cluster,
        prefix_rewrite: check.path,
        host_rewrite_literal: check.host ?? formatHost(ip, port),
        timeout: spellDuration(timeoutMs),
      },
      request_headers_to_remove: ['x-forwarded-proto'],
      request_headers_to_add: headers.map(({ name, value }) => ({
        // A value is text; a single % would start one of Envoy's format commands.
        header: { key: name, value: value.replaceAll('%', '%%') },
        append_action: 'APPEND_IF_EXISTS_OR_ADD',
        keep_empty_value: true,
      })),
    };
  });
}

function formatHost(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${String(port)}` : `${ip}:${String(port)}`;
}
