// Messages of the access log service, read for what the control plane counts and no more: entries come by the thousand.
import type { Reader } from 'protobufjs';
import protobuf from 'protobufjs/minimal.js';
import { eachField, sectionEnd } from './well-known.js';

/** What is read of one entry of a log (envoy.data.accesslog.v3.AccessLogCommon). */
export interface AccessLogEntry {
  /** The URIs of the peer's certificate; empty without one. */
  readonly peerUris: readonly string[];
  /** The address of the connection's peer; empty where Envoy names none. */
  readonly peerAddress: string;
  /** The port that was called; 0 where Envoy names none. */
  readonly localPort: number;
  /** `custom_tags` of the configuration. */
  readonly tags: ReadonlyMap<string, string>;
}

interface Draft {
  readonly peerUris: string[];
  peerAddress: string;
  localPort: number;
  readonly tags: Map<string, string>;
}

/** Reads the sections of a message that have a reader, and skips all else. */
function readSections(
  reader: Reader,
  end: number,
  readers: Readonly<Record<number, (end: number) => void>>,
): void {
  eachField(reader, end, (id, wireType) => {
    const read = readers[id];
    if (read === undefined || wireType !== 2) return false;
    const stop = sectionEnd(reader, end);
    read(stop);
    reader.pos = stop;
    return true;
  });
}

/**
 * The entries of an envoy.service.accesslog.v3.StreamAccessLogsMessage, of HTTP and of TCP alike.
 * @throws Error or RangeError for bytes that are no message.
 */
export function decodeAccessLogs(bytes: Uint8Array): readonly AccessLogEntry[] {
  const reader = protobuf.Reader.create(bytes);
  const entries: AccessLogEntry[] = [];
  const readEntry = (end: number): void => {
    const draft: Draft = { peerUris: [], peerAddress: '', localPort: 0, tags: new Map() };
    readSections(reader, end, {
      1: (stop) => {
        readCommon(reader, stop, draft);
      },
    });
    entries.push(draft);
  };
  const readEntries = (end: number): void => {
    readSections(reader, end, { 1: readEntry });
  };
  readSections(reader, reader.len, { 2: readEntries, 3: readEntries });
  return entries;
}

function readCommon(reader: Reader, end: number, draft: Draft): void {
  readSections(reader, end, {
    // downstream_local_address: its socket_address, and in it port_value
    3: (stop) => {
      readSections(reader, stop, {
        1: (inner) => {
          eachField(reader, inner, (id, wireType) => {
            if (id !== 3 || wireType !== 0) return false;
            draft.localPort = reader.uint32();
            return true;
          });
        },
      });
    },
    // tls_properties
    4: (stop) => {
      // peer_certificate_properties, and in it subject_alt_name
      readSections(reader, stop, {
        5: (inner) => {
          readSections(reader, inner, {
            1: (name) => {
              readText(reader, name, draft.peerUris);
            },
          });
        },
      });
    },
    // downstream_direct_remote_address: its socket_address
    20: (stop) => {
      readSections(reader, stop, {
        1: (inner) => {
          const found: string[] = [];
          readText(reader, inner, found, 2);
          draft.peerAddress = found[0] ?? '';
        },
      });
    },
    // custom_tags: an entry of the map
    22: (stop) => {
      const [key, value]: [string[], string[]] = [[], []];
      eachField(reader, stop, (id, wireType) => {
        if (wireType !== 2 || id > 2) return false;
        (id === 1 ? key : value).push(reader.string());
        return true;
      });
      draft.tags.set(key.at(-1) ?? '', value.at(-1) ?? '');
    },
  });
}

/** Adds the texts of one field, by default the first. */
function readText(reader: Reader, end: number, found: string[], field = 1): void {
  eachField(reader, end, (id, wireType) => {
    if (id !== field || wireType !== 2) return false;
    found.push(reader.string());
    return true;
  });
}
