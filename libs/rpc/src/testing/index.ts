/** For specs of the mesh together with what it does not know of: naming, a registry, whole processes. */
export { CertificateFolder, type Issued, TestAuthority } from '../certificates.fixture.ts';
export { Echo, type EchoRequest, type EchoResponse } from '../echo.fixture.ts';
export { foreignCall, foreignCredentials, serverCertificate } from '../foreign-client.fixture.ts';
export { load, Outcomes, warmUp } from '../load.fixture.ts';
