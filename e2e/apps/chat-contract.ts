/** The streaming call between the suites' gRPC server and client; messages are plain UTF-8. */
import type { MethodDefinition } from '@grpc/grpc-js';

const toBytes = (text: string): Buffer => Buffer.from(text, 'utf8');
const toText = (bytes: Buffer): string => bytes.toString('utf8');

/** `skerry.e2e.Chat/Chat`, streaming both ways. */
export const chatMethod: MethodDefinition<string, string> = {
  path: '/skerry.e2e.Chat/Chat',
  requestStream: true,
  responseStream: true,
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
};

/** The service with that one method. */
export const chatService: { readonly Chat: MethodDefinition<string, string> } = {
  Chat: chatMethod,
};
