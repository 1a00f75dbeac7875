/** Every diagnostic that a user can meet: its code, cause and remedy, once. docs/diagnostics.md is generated from here. */

/** Code → what causes it and what to do. */
export const diagnosticCodes = {
  YamlSyntax: {
    cause: 'the text is not YAML, or ends in the middle of a document',
    remedy: 'mend the line named; the last good objects of this file stay in force until then',
  },
  FileTooLarge: {
    cause: 'a file of the source directory is larger than the limit',
    remedy: 'split the file; the last good objects of this file stay in force until then',
  },
  YamlBomb: {
    cause: 'aliases in the document expand beyond the limit',
    remedy: 'write the values out; no real manifest needs so many aliases',
  },
  FileUnreadable: {
    cause: 'a file of the source directory cannot be read',
    remedy: 'mend its permissions; the last good objects of this file stay in force until then',
  },
  NotAnObject: {
    cause: 'a document is not a Kubernetes object with apiVersion, kind and metadata.name',
    remedy: 'add what is missing, or remove the document',
  },
  UnknownKind: {
    cause: 'the object is of a kind that Skerry does not read',
    remedy: 'nothing, if it is meant for someone else; else check apiVersion and kind',
  },
  DuplicateObject: {
    cause: 'two documents define the same object',
    remedy: 'remove one; the first by file name and position is in force',
  },
  Invalid: {
    cause: 'a field has the wrong type, value or name',
    remedy: 'mend the field named; the last good form of the object stays in force until then',
  },
  TestInvalid: {
    cause: 'an entry of `expect`, a test of policies, has a field of a wrong type, value or name',
    remedy: 'mend the field named; skerry test --help shows an example',
  },
  NotImplemented: {
    cause: 'the field belongs to the schema, but this version cannot carry it out',
    remedy: 'remove the field; the object is refused whole so that nothing is half in force',
  },
  TargetNotFound: {
    cause: 'the policy names a target that does not exist',
    remedy: 'create the target or mend the reference; the policy takes effect as soon as it exists',
  },
  TargetNotAllowed: {
    cause: 'this object may not speak for that target',
    remedy: 'move the policy to the target’s namespace, or to the root namespace for Mesh',
  },
  BackendNotFound: {
    cause: 'a route names a Service, port or subset that does not exist',
    remedy:
      'create it or mend the reference; until then the other backends of the route take its share, and where there are none calls are answered 503',
  },
  FailoverNotFound: {
    cause:
      'a Service that is to stand in for another does not exist, or has nothing to stand in by',
    remedy: 'create it or mend the reference; it is passed over until then',
  },
  Conflicted: {
    cause: 'an older policy of the same rank sets the same field',
    remedy: 'merge the two, or remove the field from one',
  },
  Overridden: {
    cause: 'a nearer policy, or a floor, decides this field for every target',
    remedy: 'nothing, if that is meant',
  },
  IdentityOnPlaintextPort: {
    cause: 'a rule names identities, but the port also accepts plaintext callers, who have none',
    remedy: 'set inbound.mtls.mode to Strict for the port',
  },
  HttpRuleOnTcpPort: {
    cause: 'a rule has HTTP conditions, but the port does not carry HTTP',
    remedy: 'declare the protocol by appProtocol: http, or remove the conditions for this port',
  },
  ClaimNotVerifiable: {
    cause:
      'a rule asks for a claim, but the port has no JWT issuer, not the one named, or several and the rule names none',
    remedy:
      'set inbound.jwt.issuers for the same workloads, or name one of their issuers in the condition',
  },
  TokenNotRequired: {
    cause: 'a deny rule asks for a claim, which callers without a token do not have',
    remedy: 'set inbound.jwt.required: true, or let an allow rule ask for a claim',
  },
  NoUsableKey: {
    cause: 'tokens are to be verified, and no public key is known for it',
    remedy:
      'set inbound.jwt.issuers, or mend the key set named; ConfigMaps of a cluster are followed with skerry controller --key-sets only',
  },
  NoCaBundle: {
    cause: 'servers outside the mesh are to prove who they are, and it is not known to whom',
    remedy:
      'set outbound.tls.caBundle, or mend the ConfigMap named: the label skerry.dev/ca-bundle: "true" and certificates in ca.crt; ConfigMaps of a cluster are followed with skerry controller --ca-bundles only',
  },
  NoCredential: {
    cause: 'a certificate is to be shown to servers outside the mesh, and there is none',
    remedy:
      'set outbound.tls.credential, or mend the Secret named: its type kubernetes.io/tls and the label skerry.dev/credential: "true"; Secrets of a cluster are followed with skerry controller --credentials only',
  },
  NoServerName: {
    cause: 'servers outside the mesh are to prove a name, and it is not known which',
    remedy: 'set outbound.tls.sni',
  },
  ZoneUnknown: {
    cause: 'calls are to stay in the caller’s zone, and the zone of some callers is not known',
    remedy:
      'label their Nodes with topology.kubernetes.io/zone; until then they use endpoints of every zone alike',
  },
  EgressAllowUnused: {
    cause: 'egress.allow is given, and the egress mode in force there is AllowAny',
    remedy: 'set outbound.egress.mode: KnownOnly, here or for a wider target',
  },
  EgressHostUnreachable: {
    cause:
      'egress allows hosts by name, and it is not configured which addresses are the mesh’s and which lie outside',
    remedy:
      'give the control plane the CIDRs of Services and pods (--mesh-cidr); until then only cidr entries pass',
  },
  MixedPortProtocol: {
    cause: 'the same port number is declared TCP by one Service and left undeclared by another',
    remedy: 'declare the other by appProtocol; undeclared traffic to that number is treated as TCP',
  },
  AddressConflict: {
    cause: 'two objects claim the same address',
    remedy: 'remove one; the older one has it until then',
  },
  AuditOnly: {
    cause: 'the policy is in Audit, so this section is reported and not applied',
    remedy: 'set mode: Enforce to apply it',
  },
  Rejected: {
    cause: 'a sidecar refused the configuration made from this object',
    remedy:
      'read Envoy’s message and change the field it speaks of; the last good form stays in force',
  },
  FailedClosed: {
    cause: 'the object is refused and no good form of it is known',
    remedy:
      'mend it; until then its targets admit nobody where it spoke of authorization, and are Strict where it spoke of mtls',
  },
} as const satisfies Readonly<Record<string, { readonly cause: string; readonly remedy: string }>>;

/** The name of a diagnostic. */
export type DiagnosticCode = keyof typeof diagnosticCodes;
