/** For specs and benches of the mesh together with what it does not know of: naming, a registry, whole processes, other clients. */
export { CertificateFolder, type CertificateOptions, type Issued, TestAuthority } from './certificates.ts';
export { Echo, type EchoRequest, type EchoResponse } from './echo.ts';
export { foreignCall, foreignCredentials, serverCertificate } from './foreign-client.ts';
export { load, Outcomes, warmUp } from './load.ts';
