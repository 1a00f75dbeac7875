/** One request over plaintext HTTP/2 to `argv[2]` with the authority `argv[3]`; prints status and body as JSON. */
import { connect } from 'node:http2';

const [, , url = '', authority = ''] = process.argv;
const session = connect(url);
session.on('error', (error) => {
  throw error;
});
const stream = session.request({ ':path': '/', ':authority': authority });
let status = 0;
let body = '';
stream.on('response', (headers) => {
  status = headers[':status'] ?? 0;
});
stream.setEncoding('utf8');
stream.on('data', (chunk: string) => {
  body += chunk;
});
stream.on('end', () => {
  console.log(JSON.stringify({ status, body }));
  session.close();
});
stream.end();
