/** A PKI as a company has one, made by openssl: a root, a policy CA, and an intermediate for a mesh, all of RSA keys. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../../demo/rig/index.js';

/** Files of the PKI, PEM. */
export interface CustomerPki {
  /** The mesh's intermediate, the policy CA, the root. */
  readonly chainFile: string;
  /** The key of the mesh's intermediate. */
  readonly keyFile: string;
  readonly rootFile: string;
}

const names = ['root', 'policy', 'mesh'] as const;

/** Makes it in `directory`; the mesh's intermediate is held to URIs of `trustDomain`. Throws CommandError. */
export async function customerPki(directory: string, trustDomain: string): Promise<CustomerPki> {
  await mkdir(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  const any = 'basicConstraints=critical,CA:TRUE\n';
  const ca = 'keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n';
  const signed = 'authorityKeyIdentifier=keyid\n';
  const constraints = `nameConstraints=critical,permitted;URI:${trustDomain}\n`;
  const extensions = {
    root: `${any}${ca}`,
    policy: `${any}${ca}${signed}`,
    mesh: `basicConstraints=critical,CA:TRUE,pathlen:0\n${ca}${signed}${constraints}`,
  };
  let issuer: string | undefined;
  for (const name of names) {
    const key = file(`${name}.key`);
    await writeFile(file(`${name}.ext`), extensions[name]);
    await runCommand([
      ...['openssl', 'req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key],
      ...['-subj', `/O=Customer/CN=${name}`, '-out', file(`${name}.csr`)],
    ]);
    const signer =
      issuer === undefined
        ? ['-signkey', key]
        : ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`), '-CAcreateserial'];
    await runCommand([
      ...['openssl', 'x509', '-req', '-days', '365', '-in', file(`${name}.csr`)],
      ...['-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`), ...signer],
    ]);
    issuer = name;
  }
  const chain = await Promise.all(
    ['mesh', 'policy', 'root'].map((name) => readFile(file(`${name}.pem`), 'utf8')),
  );
  await writeFile(file('chain.pem'), chain.join(''));
  return { chainFile: file('chain.pem'), keyFile: file('mesh.key'), rootFile: file('root.pem') };
}
