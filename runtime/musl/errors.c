/* The words for errors that callers know from glibc, and from Go's programs, where musl has others or none.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int errnum;
    const char *text;
} texts[] = {
    {EIO, "Input/output error"},
    {ECHILD, "No child processes"},
    {ENOMEM, "Cannot allocate memory"},
    {EBUSY, "Device or resource busy"},
    {EXDEV, "Invalid cross-device link"},
    {EMFILE, "Too many open files"},
    {ENOTTY, "Inappropriate ioctl for device"},
    {ESPIPE, "Illegal seek"},
    {ERANGE, "Numerical result out of range"},
    {EDEADLK, "Resource deadlock avoided"},
    {ENAMETOOLONG, "File name too long"},
    {ELOOP, "Too many levels of symbolic links"},
    {EOVERFLOW, "Value too large for defined data type"},
    {EUSERS, "Too many users"},
    {ENOTSOCK, "Socket operation on non-socket"},
    {EMSGSIZE, "Message too long"},
    {EOPNOTSUPP, "Operation not supported"},
    {EADDRINUSE, "Address already in use"},
    {ENETUNREACH, "Network is unreachable"},
    {ENOTCONN, "Transport endpoint is not connected"},
    {ESHUTDOWN, "Cannot send after transport endpoint shutdown"},
    {ETIMEDOUT, "Connection timed out"},
    {EUCLEAN, "Structure needs cleaning"},
    {EDQUOT, "Disk quota exceeded"},
};

const char *strerrordesc_np(int errnum)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].errnum == errnum)
            return texts[i].text;
    return strerror(errnum); /* a constant here: musl translates nothing */
}
