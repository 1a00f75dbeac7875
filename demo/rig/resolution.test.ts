/** Tests of the hosts files and plain forwarding rules that pods get. */
import { describe, expect, test } from '@jest/globals';
import { parseManifests } from './manifests.js';
import { forwardingRules, hostsFile } from './resolution.js';

const text = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: b}
spec: {clusterIP: 10.96.2.1, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: pods, namespace: b}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, namespace: b, labels: {kubernetes.io/service-name: reviews}}
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.66.2.1]}
- {addresses: [10.66.2.2], conditions: {ready: true}}
- {addresses: [10.66.2.3], conditions: {ready: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pods-1, namespace: b, labels: {kubernetes.io/service-name: pods}}
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.66.2.1]}, {addresses: [10.66.2.2]}]
---
apiVersion: example.com/v1
kind: Whatever
`;
const { services } = parseManifests([{ name: 'x.yaml', text }]);

describe('the hosts file', () => {
  test('names a Service by every name that a cluster’s DNS knows', () => {
    expect(hostsFile(services, 'a')).toContain(
      '10.96.2.1 reviews.b reviews.b.svc reviews.b.svc.cluster.local\n',
    );
  });

  test('has short names only in the Service’s own namespace', () => {
    expect(hostsFile(services, 'b')).toContain('10.96.2.1 reviews reviews.b ');
  });

  test('names every ready endpoint of a headless Service', () => {
    const lines = hostsFile(services, 'a').split('\n');
    expect(lines.filter((line) => line.includes(' pods.b '))).toEqual([
      expect.stringMatching(/^10\.66\.2\.1 /),
      expect.stringMatching(/^10\.66\.2\.2 /),
    ]);
  });
});

describe('plain forwarding', () => {
  test('spreads a virtual address over its ready endpoints evenly', () => {
    expect(forwardingRules(services).split('\n')).toEqual([
      '*nat',
      '-A OUTPUT -d 10.96.2.1/32 -p tcp --dport 80 -m statistic --mode random --probability 0.500000 -j DNAT --to-destination 10.66.2.1:8080',
      '-A OUTPUT -d 10.96.2.1/32 -p tcp --dport 80 -j DNAT --to-destination 10.66.2.2:8080',
      'COMMIT',
      '',
    ]);
  });
});
