/* ---- files of variables: NumPy's .npz, a ZIP archive of arrays that are stored as they are ---------------------- */

enum { WEFT_ENTRY = 0x04034b50, WEFT_DIRECTORY = 0x02014b50, WEFT_END = 0x06054b50 }; /* as ZIP marks its parts */
enum { WEFT_ENTRY_BYTES = 30, WEFT_DIRECTORY_BYTES = 46, WEFT_END_BYTES = 22 };

static uint32_t weft_crc(uint32_t crc, const void *bytes, int64_t count)
{
    uint32_t table[256];
    for (uint32_t n = 0; n < 256; n++) {
        table[n] = n;
        for (int bit = 0; bit < 8; bit++)
            table[n] = table[n] & 1 ? 0xedb88320u ^ (table[n] >> 1) : table[n] >> 1;
    }
    crc = ~crc;
    for (const unsigned char *at = bytes; count > 0; count--, at++)
        crc = table[(crc ^ *at) & 255] ^ (crc >> 8);
    return ~crc;
}

static uint32_t weft_number(const unsigned char *at, int bytes)
{
    uint32_t found = 0;
    for (int i = 0; i < bytes; i++)
        found |= (uint32_t)at[i] << (8 * i);
    return found;
}

static void weft_put(unsigned char **at, uint32_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*at)++ = (unsigned char)(number >> (8 * i));
}
