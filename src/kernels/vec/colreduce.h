/* SPDX-License-Identifier: Apache-2.0 */
enum { BLOCK = 16 };

VF vf load(const elem *p, vmask m, bool whole)
{
    return whole ? ve_load(p) : ve_load_first(p, m);
}

/* one vector of columns */
VF vf reduce(tm_reduce_op op, size_t rows, const elem *x, size_t ld, vmask m, bool whole)
{
    if (op == TM_REDUCE_OP_MAX) {
        vf best = load(x, m, whole);
        for (size_t i = 1; i < rows; i++)
            best = vf_max_nan(best, load(x + i * ld, m, whole));
        return best;
    }
    vf total = vf_set(0.0f);
    for (size_t begin = 0; begin < rows; begin += BLOCK) {
        vf part = vf_set(0.0f);
        for (size_t i = begin; i < rows && i < begin + BLOCK; i++)
            part = vf_add(part, load(x + i * ld, m, whole));
        total = vf_add(total, part);
    }
    return total;
}

void TM_TYPED(tm_colreduce)(tm_reduce_op op, size_t rows, size_t n, const void *from, size_t x_ld,
                            float *out)
{
    const elem *x = from;
    size_t j = 0;
    vmask m = vm_first(0);
    for (; j + VL <= n; j += VL)
        vf_store(out + j, reduce(op, rows, x + j, x_ld, m, true));
    if (j < n) {
        m = vm_first(n - j);
        vf_store_first(out + j, reduce(op, rows, x + j, x_ld, m, false), m);
    }
}
