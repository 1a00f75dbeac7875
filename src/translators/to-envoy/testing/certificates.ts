/** Throwaway certificates for tests, made by the openssl command. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate with its key, as PEM and as files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority of one trust domain. */
export interface Authority {
  readonly root: Certificate;
  issue(name: string, spiffeId: string): Certificate;
}

/** Makes an authority whose files lie in `folder`, each starting with `prefix`. */
export function makeAuthority(folder: string, prefix: string): Authority {
  const root = read(folder, `${prefix}-root`);
  execFileSync(
    'openssl',
    [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'.split(' '),
      ...['-subj', `/CN=${prefix}`, '-keyout', root.keyFile, '-out', root.certFile],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ],
    { stdio: 'ignore' },
  );
  return {
    root: load(root),
    issue: (name, spiffeId) => load(issue(folder, `${prefix}-${name}`, spiffeId, root)),
  };
}

function issue(folder: string, name: string, spiffeId: string, root: Files): Files {
  const files = read(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(
    extensions,
    `subjectAltName=critical,URI:${spiffeId}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  execFileSync(
    'openssl',
    [
      ...'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /'.split(' '),
      ...['-keyout', files.keyFile, '-out', request],
    ],
    { stdio: 'ignore' },
  );
  execFileSync(
    'openssl',
    [
      ...'x509 -req -days 1 -CAcreateserial'.split(' '),
      ...['-in', request, '-CA', root.certFile, '-CAkey', root.keyFile],
      ...['-extfile', extensions, '-out', files.certFile],
    ],
    { stdio: 'ignore' },
  );
  return files;
}

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

function read(folder: string, name: string): Files {
  return { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}

function load(files: Files): Certificate {
  return {
    ...files,
    cert: readFileSync(files.certFile, 'utf8'),
    key: readFileSync(files.keyFile, 'utf8'),
  };
}
