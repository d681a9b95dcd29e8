"""Ed25519 (RFC 8032), slow and short: an implementation that is not the one under test."""
import hashlib

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _hash(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


def _x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P)
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        raise ValueError("not on the curve")
    return P - x if x & 1 != sign else x


def _add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _point(x, y):
    return x, y, 1, x * y % P


_Y = 4 * pow(5, P - 2, P) % P
BASE = _point(_x(_Y, 0), _Y)


def _encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(data):
    number = int.from_bytes(data, "little")
    y = number & (2 ** 255 - 1)
    return _point(_x(y, number >> 255), y)


def _secret(seed):
    digest = hashlib.sha512(seed).digest()
    number = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return number, digest[32:]


def public_key(seed):
    return _encode(_multiply(_secret(seed)[0], BASE))


def sign(seed, message):
    number, prefix = _secret(seed)
    public = public_key(seed)
    r = _hash(prefix + message) % L
    point = _encode(_multiply(r, BASE))
    s = (r + _hash(point + public + message) * number) % L
    return point + s.to_bytes(32, "little")


def is_good(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    k = _hash(signature[:32] + public + message) % L
    right = _add(_decode(signature[:32]), _multiply(k, _decode(public)))
    return _encode(_multiply(s, BASE)) == _encode(right)
